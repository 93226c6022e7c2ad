"""The laws of tensor fusion, against a dense tensor built as the paper draws it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.fusion import RankList, fuse

items = st.sampled_from("abcdefgh")
one_list = st.lists(items, unique=True, max_size=6)
several = st.lists(one_list, min_size=1, max_size=4)


def as_lists(given_lists: list[list[str]]) -> list[RankList]:
    return [RankList(f"m{n}", tuple(ids), (0.0,) * len(ids)) for n, ids in enumerate(given_lists)]


def order(lists: list[RankList]) -> list[str]:
    return [item.id for item in fuse(lists)]


def by_dense_tensor(lists: list[RankList]) -> list[str]:
    """Builds the whole tensor: one axis a list, one cell an item; then walks every surface (i, k)."""
    present = [ranked for ranked in lists if len(ranked)]
    if not present:
        return []
    names = {item for ranked in present for item in ranked.items}
    tensor = np.zeros([len(ranked) + 1 for ranked in present], dtype=object)
    for cell in np.ndindex(tensor.shape):
        tensor[cell] = set()
    for name in names:
        tensor[tuple(ranked.ranks.get(name, 0) for ranked in present)].add(name)
    smallest = dict.fromkeys(names, np.inf)
    ranks: dict[str, tuple[int, ...]] = {}
    for cell in np.ndindex(tensor.shape):
        for name in tensor[cell]:
            ranks[name] = cell
            for i, k in combinations(range(len(present)), 2):
                if cell[i] and cell[k]:
                    smallest[name] = min(smallest[name], cell[i] + cell[k])

    def key(name: str) -> tuple[object, ...]:
        held = [rank for rank in ranks[name] if rank]
        return (smallest[name] == np.inf, smallest[name], -len(held), sum(held), min(held), name)

    return sorted(names, key=key)


@given(several)
def test_fusion_equals_the_dense_tensor(given_lists: list[list[str]]) -> None:
    lists = as_lists(given_lists)
    assert order(lists) == by_dense_tensor(lists)


@given(several, st.randoms())
def test_the_order_of_the_lists_does_not_matter(given_lists: list[list[str]], chance) -> None:
    lists = as_lists(given_lists)
    mixed = list(lists)
    chance.shuffle(mixed)
    assert fuse(lists) == fuse(mixed)


@given(several)
def test_the_answer_is_the_union_each_item_once(given_lists: list[list[str]]) -> None:
    lists = as_lists(given_lists)
    found = order(lists)
    assert len(found) == len(set(found))
    assert set(found) == {item for ids in given_lists for item in ids}


@given(one_list, st.integers(1, 4))
def test_one_list_or_identical_lists_come_back_unchanged(ids: list[str], times: int) -> None:
    assert order(as_lists([ids] * times)) == ids


@given(several)
def test_an_empty_list_changes_nothing(given_lists: list[list[str]]) -> None:
    lists = as_lists(given_lists)
    assert fuse(lists) == fuse([*lists, RankList("nothing", (), ())])


@given(several)
def test_every_item_shows_its_true_ranks_and_the_pair_that_decided(given_lists: list[list[str]]) -> None:
    lists = as_lists(given_lists)
    by_name = {ranked.modality: ranked for ranked in lists}
    for item in fuse(lists):
        assert item.ranks == {
            name: ranked.ranks[item.id] for name, ranked in by_name.items() if item.id in ranked.ranks
        }
        if item.pair:
            assert sum(item.ranks[name] for name in item.pair) == item.position
        else:
            assert len(item.ranks) == 1


@given(st.lists(st.tuples(items, st.floats(-10, 10))))
def test_a_rank_list_is_sorted_and_holds_each_item_once_at_its_best(scored: list[tuple[str, float]]) -> None:
    ranked = RankList.of("m", scored)
    assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
    assert len(set(ranked.items)) == len(ranked.items)
    for item, score in zip(ranked.items, ranked.scores, strict=True):
        assert score == max(value for name, value in scored if name == item)
