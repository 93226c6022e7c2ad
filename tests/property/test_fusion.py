"""The laws of tensor fusion, against a dense tensor built as the paper draws it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.errors import BadQuery
from stormpetrel.fusion import MERGES, METHODS, POSITIONS, RankList, fuse, plain_order, tensor_fuse

items = st.sampled_from("abcdefgh")
id_list = st.lists(items, unique=True, max_size=6)
several = st.lists(id_list, min_size=1, max_size=4)


def as_lists(id_lists: list[list[str]]) -> list[RankList]:
    return [RankList(f"m{n}", tuple(ids), (0.0,) * len(ids)) for n, ids in enumerate(id_lists)]


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
    combine = sum if position == "sum" else max
    pairs = [combine((a, b)) for a, b in combinations(cell, 2) if a and b]
    return min(pairs, default=np.inf)


def by_dense_tensor(id_lists: list[list[str]], position: str, merge: str) -> list[str]:
    """Walks the surfaces (i, k) of the dense tensor, as the paper draws it."""
    lists = [ids for ids in id_lists if ids]
    cells = dense_cells(lists) if lists else {}

    def key(name: str) -> tuple[object, ...]:
        ranks = [rank for rank in cells[name] if rank]
        return (smallest_position(cells[name], position), -len(ranks), sum(ranks), min(ranks), name)

    by_min = sorted(cells, key=key)
    if merge == "min":
        return by_min
    combine = sum if position == "sum" else max
    surfaces = [
        sorted((n for n in by_min if cells[n][i] and cells[n][k]), key=lambda n: combine((cells[n][i], cells[n][k])))
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
def test_fusion_equals_the_dense_tensor(id_lists: list[list[str]], position: Any, merge: Any) -> None:
    fused = tensor_fuse(id_lists, position=position, merge=merge)
    assert fused == by_dense_tensor(id_lists, position, merge)


@given(several, positions, merges, weights_of_four, st.randoms())
def test_the_order_of_the_lists_does_not_matter(
    id_lists: list[list[str]], position: Any, merge: Any, weights: list[float], random: Any
) -> None:
    weighted_lists = list(zip(id_lists, weights, strict=False))
    shuffled = random.sample(weighted_lists, len(weighted_lists))

    def fused(pairs: list[tuple[list[str], float]]) -> list[str]:
        lists = [ids for ids, _ in pairs]
        return tensor_fuse(lists, position=position, merge=merge, weights=[weight for _, weight in pairs])

    assert fused(weighted_lists) == fused(shuffled)


@given(several, positions, merges, weights_of_four)
def test_the_fused_list_is_the_union_each_item_once(
    id_lists: list[list[str]], position: Any, merge: Any, weights: list[float]
) -> None:
    fused = tensor_fuse(id_lists, position=position, merge=merge, weights=weights[: len(id_lists)])
    assert len(fused) == len(set(fused))
    assert set(fused) == {item for ids in id_lists for item in ids}


@given(id_list, st.integers(1, 4), positions, merges, weights_of_four)
def test_one_list_or_identical_lists_come_back_unchanged_whatever_their_weights(
    ids: list[str], times: int, position: Any, merge: Any, weights: list[float]
) -> None:
    assert tensor_fuse([ids] * times, position=position, merge=merge, weights=weights[:times]) == ids


@given(several, positions, merges)
def test_an_empty_list_and_a_list_of_weight_0_change_nothing(
    id_lists: list[list[str]], position: Any, merge: Any
) -> None:
    plain = tensor_fuse(id_lists, position=position, merge=merge)
    assert tensor_fuse([*id_lists, []], position=position, merge=merge) == plain
    weights = [1.0] * len(id_lists) + [0.0]
    assert tensor_fuse([*id_lists, ["z", "a"]], position=position, merge=merge, weights=weights) == plain


@given(several, merges, st.sampled_from([0.25, 2.0, 8.0]))
def test_only_the_ratio_of_weights_counts(id_lists: list[list[str]], merge: Any, weight: float) -> None:
    heavy = [weight] * len(id_lists)
    assert tensor_fuse(id_lists, merge=merge, weights=heavy) == tensor_fuse(id_lists, merge=merge)


@given(several)
def test_an_item_that_occurs_twice_counts_at_its_first_rank(id_lists: list[list[str]]) -> None:
    assert tensor_fuse([[*ids, *ids] for ids in id_lists]) == tensor_fuse(id_lists)


def test_ids_may_be_of_any_hashable_type() -> None:
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
def test_a_wrong_argument_is_refused_with_its_remedy(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadQuery, match="Give one"):
        tensor_fuse([["a"], ["b"]], **wrong)


@given(several, st.sampled_from(sorted(METHODS)))
def test_every_method_returns_the_union_whatever_the_order_of_the_lists(id_lists: list[list[str]], name: str) -> None:
    lists = [
        RankList(f"m{n}", tuple(ids), tuple(1.0 / (n + r + 1) for r in range(len(ids))))
        for n, ids in enumerate(id_lists)
    ]
    fused = [item.id for item in fuse(lists, name)]
    assert len(fused) == len(set(fused))
    assert set(fused) == {item for ids in id_lists for item in ids}
    assert [item.id for item in fuse(lists[::-1], name)] == fused


@given(id_list, st.sampled_from(sorted(METHODS)))
def test_every_method_leaves_a_single_list_as_it_is(ids: list[str], name: str) -> None:
    ranked = RankList("m", tuple(ids), tuple(1.0 - 0.1 * r for r in range(len(ids))))
    assert [item.id for item in fuse([ranked], name)] == ids


def test_an_unknown_method_is_refused_with_the_names_of_all_methods() -> None:
    with pytest.raises(BadQuery, match="tensor_min, tensor_interleave"):
        fuse([], "oracle")


@given(several)
def test_every_item_has_its_true_ranks_and_its_best_pair(id_lists: list[list[str]]) -> None:
    lists = as_lists(id_lists)
    by_name = {ranked.modality: ranked for ranked in lists}
    for item in fuse(lists):
        assert item.ranks == {
            name: ranked.ranks[item.id] for name, ranked in by_name.items() if item.id in ranked.ranks
        }
        if item.best_pair is not None:
            assert sum(item.ranks[name] for name in item.best_pair) == item.position
        else:
            assert len(item.ranks) == 1


@given(several, st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=4, max_size=4))
def test_the_plain_order_is_that_of_the_plain_tensor(id_lists: list[list[str]], values: list[float]) -> None:
    lists, weights = as_lists(id_lists), {f"m{n}": weight for n, weight in enumerate(values)}
    assert plain_order(lists, weights) == [item.id for item in fuse(lists, weights=weights)]


@given(st.lists(st.tuples(items, st.floats(-10, 10))))
def test_a_rank_list_is_sorted_and_holds_each_item_once_with_its_best_score(scored: list[tuple[str, float]]) -> None:
    ranked = RankList.of("m", scored)
    assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
    assert len(set(ranked.items)) == len(ranked.items)
    for item, score in zip(ranked.items, ranked.scores, strict=True):
        assert score == max(value for name, value in scored if name == item)
