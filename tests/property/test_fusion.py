"""The laws of tensor fusion, against a dense tensor built as the paper draws it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.errors import BadQuery
from stormpetrel.fusion import RankList, fuse, tensor_fuse
from stormpetrel.fusion.methods import METHODS, method
from stormpetrel.fusion.tensor import MERGES, POSITIONS

items = st.sampled_from("abcdefgh")
one_list = st.lists(items, unique=True, max_size=6)
several = st.lists(one_list, min_size=1, max_size=4)


def as_lists(given_lists: list[list[str]]) -> list[RankList]:
    return [RankList(f"m{n}", tuple(ids), (0.0,) * len(ids)) for n, ids in enumerate(given_lists)]


Cells = dict[str, tuple[int, ...]]


def dense_cells(lists: list[list[str]]) -> Cells:
    """Builds the whole tensor, one axis a list and one cell an item, and reads each item's cell back from it."""
    tensor = np.zeros([len(ids) + 1 for ids in lists], dtype=object)
    for cell in np.ndindex(tensor.shape):
        tensor[cell] = set()
    for name in {item for ids in lists for item in ids}:
        tensor[tuple(ids.index(name) + 1 if name in ids else 0 for ids in lists)].add(name)
    return {name: cell for cell in np.ndindex(tensor.shape) for name in tensor[cell]}


def smallest_position(cell: tuple[int, ...], position: str) -> float:
    join = sum if position == "sum" else max
    pairs = [join((a, b)) for a, b in combinations(cell, 2) if a and b]
    return min(pairs, default=np.inf)


def by_dense_tensor(given_lists: list[list[str]], position: str, merge: str) -> list[str]:
    """Walks the surfaces (i, k) of the dense tensor, as the paper draws it."""
    lists = [ids for ids in given_lists if ids]
    cells = dense_cells(lists) if lists else {}

    def key(name: str) -> tuple[object, ...]:
        held = [rank for rank in cells[name] if rank]
        return (smallest_position(cells[name], position), -len(held), sum(held), min(held), name)

    by_min = sorted(cells, key=key)
    if merge == "min":
        return by_min
    join = sum if position == "sum" else max
    surfaces = [
        sorted((n for n in by_min if cells[n][i] and cells[n][k]), key=lambda n: join((cells[n][i], cells[n][k])))
        for i, k in combinations(range(len(lists)), 2)
    ] + [list(ids) for ids in lists]
    if merge == "interleave":
        rounds = {n: min(s.index(n) for s in surfaces if n in s) for n in by_min}
        return sorted(by_min, key=lambda n: (rounds[n], by_min.index(n)))
    score = {n: sum(1 / (61 + s.index(n)) for s in surfaces if n in s) for n in by_min}
    return sorted(by_min, key=lambda n: (-round(score[n], 12), by_min.index(n)))


positions = st.sampled_from(POSITIONS)
merges = st.sampled_from(MERGES)
weights_of_four = st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=4, max_size=4)


@given(several, positions, merges)
def test_fusion_equals_the_dense_tensor(given_lists: list[list[str]], position: Any, merge: Any) -> None:
    fused = tensor_fuse(given_lists, position=position, merge=merge)
    assert fused == by_dense_tensor(given_lists, position, merge)


@given(several, positions, merges, weights_of_four, st.randoms())
def test_the_order_of_the_lists_does_not_matter(
    given_lists: list[list[str]], position: Any, merge: Any, weights: list[float], chance: Any
) -> None:
    both = list(zip(given_lists, weights, strict=False))
    shuffled = chance.sample(both, len(both))

    def fused(pairs: list[tuple[list[str], float]]) -> list[str]:
        lists = [ids for ids, _ in pairs]
        return tensor_fuse(lists, position=position, merge=merge, weights=[weight for _, weight in pairs])

    assert fused(both) == fused(shuffled)


@given(several, positions, merges, weights_of_four)
def test_the_answer_is_the_union_each_item_once(
    given_lists: list[list[str]], position: Any, merge: Any, weights: list[float]
) -> None:
    found = tensor_fuse(given_lists, position=position, merge=merge, weights=weights[: len(given_lists)])
    assert len(found) == len(set(found))
    assert set(found) == {item for ids in given_lists for item in ids}


@given(one_list, st.integers(1, 4), positions, merges, weights_of_four)
def test_one_list_or_identical_lists_come_back_unchanged_whatever_their_weights(
    ids: list[str], times: int, position: Any, merge: Any, weights: list[float]
) -> None:
    assert tensor_fuse([ids] * times, position=position, merge=merge, weights=weights[:times]) == ids


@given(several, positions, merges)
def test_an_empty_list_and_a_list_of_weight_0_change_nothing(
    given_lists: list[list[str]], position: Any, merge: Any
) -> None:
    plain = tensor_fuse(given_lists, position=position, merge=merge)
    assert tensor_fuse([*given_lists, []], position=position, merge=merge) == plain
    weights = [1.0] * len(given_lists) + [0.0]
    assert tensor_fuse([*given_lists, ["z", "a"]], position=position, merge=merge, weights=weights) == plain


@given(several, merges, st.sampled_from([0.25, 2.0, 8.0]))
def test_only_the_ratio_of_weights_counts(given_lists: list[list[str]], merge: Any, weight: float) -> None:
    heavy = [weight] * len(given_lists)
    assert tensor_fuse(given_lists, merge=merge, weights=heavy) == tensor_fuse(given_lists, merge=merge)


@given(several)
def test_an_item_given_twice_counts_where_it_stands_first(given_lists: list[list[str]]) -> None:
    assert tensor_fuse([[*ids, *ids] for ids in given_lists]) == tensor_fuse(given_lists)


def test_ids_may_be_of_any_kind_that_can_be_hashed() -> None:
    assert tensor_fuse([[3, 1], [1, 2]]) == [1, 3, 2]
    assert tensor_fuse([[("a", 1), "b"], [7]]) == [7, ("a", 1), "b"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": "product"},
        {"merge": "best"},
        {"weights": [1.0]},
        {"weights": [1.0, -1.0]},
        {"weights": [1.0, float("nan")]},
    ],
)
def test_what_does_not_fit_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadQuery, match="Give one"):
        tensor_fuse([["a"], ["b"]], **wrong)


@given(several, st.sampled_from(sorted(METHODS)))
def test_every_method_gives_the_union_and_does_not_care_for_the_order_of_lists(
    given_lists: list[list[str]], name: str
) -> None:
    lists = [
        RankList(f"m{n}", tuple(ids), tuple(1.0 / (n + r + 1) for r in range(len(ids))))
        for n, ids in enumerate(given_lists)
    ]
    fused = [item.id for item in method(name)(lists, None)]
    assert len(fused) == len(set(fused))
    assert set(fused) == {item for ids in given_lists for item in ids}
    assert [item.id for item in method(name)(lists[::-1], None)] == fused


@given(one_list, st.sampled_from(sorted(METHODS)))
def test_every_method_leaves_a_single_list_as_it_is(ids: list[str], name: str) -> None:
    ranked = RankList("m", tuple(ids), tuple(1.0 - 0.1 * r for r in range(len(ids))))
    assert [item.id for item in method(name)([ranked], None)] == ids


def test_an_unknown_method_names_those_that_there_are() -> None:
    with pytest.raises(BadQuery, match="tensor_min, tensor_interleave"):
        method("oracle")


@given(several)
def test_every_item_shows_its_true_ranks_and_the_pair_that_decided(given_lists: list[list[str]]) -> None:
    lists = as_lists(given_lists)
    by_name = {ranked.modality: ranked for ranked in lists}
    for item in fuse(lists):
        assert item.ranks == {
            name: ranked.ranks[item.id] for name, ranked in by_name.items() if item.id in ranked.ranks
        }
        if item.pair is not None:
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
