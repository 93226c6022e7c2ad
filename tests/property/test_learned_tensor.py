"""The laws of the learned tensor: with all factors 1 it is the plain one, and the fit follows its own slope."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.fusion import LearnedTensor, RankList, fuse, tensor_fuse
from stormpetrel.fusion.learned_tensor import LIST_FEATURES, PAIR_FEATURES
from stormpetrel.fusion.tensor_fitting import smooth_precision

NAMES = ("text", "lexical", "time")
id_lists = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6), min_size=1, max_size=3)
coefficients = st.lists(
    st.floats(-2, 2), min_size=len(NAMES) * LIST_FEATURES + PAIR_FEATURES, max_size=len(NAMES) * LIST_FEATURES + 2
)


def as_lists(ids_of_lists: list[list[str]]) -> list[RankList]:
    return [
        RankList(name, tuple(ids), tuple(1 / (rank + 1) for rank in range(len(ids))))
        for name, ids in zip(NAMES, ids_of_lists, strict=False)
    ]


@settings(deadline=None)
@given(id_lists)
def test_with_all_factors_1_it_is_the_plain_tensor(ids_of_lists: list[list[str]]) -> None:
    ordered = [ids for _, ids in sorted(zip(NAMES, ids_of_lists, strict=False))]
    fused = [item.id for item in LearnedTensor.equal()(as_lists(ids_of_lists))]
    assert fused == tensor_fuse(ordered, merge="rrf")
    assert fused == [item.id for item in fuse(as_lists(ids_of_lists), "tensor_rrf")]
    none = LearnedTensor(NAMES, np.zeros(len(NAMES) * LIST_FEATURES + PAIR_FEATURES))
    assert [item.id for item in none(as_lists(ids_of_lists))] == fused


@settings(deadline=None)
@given(id_lists)
def test_a_list_that_is_leaned_on_hard_comes_first_as_it_is(ids_of_lists: list[list[str]]) -> None:
    even = LearnedTensor(NAMES, np.zeros(len(NAMES) * LIST_FEATURES + PAIR_FEATURES), 10.0)
    fused = [item.id for item in even.leaning("text", 8.0)(as_lists(ids_of_lists))]
    assert fused[: len(ids_of_lists[0])] == ids_of_lists[0]
    assert even.leaning("text", 0.0)(as_lists(ids_of_lists)) == even(as_lists(ids_of_lists))


@settings(deadline=None)
@given(id_lists, coefficients)
def test_it_holds_the_union_and_names_a_surface_of_each_item(
    ids_of_lists: list[list[str]], values: list[float]
) -> None:
    lists = as_lists(ids_of_lists)
    fusion = LearnedTensor(NAMES, np.array(values), 10.0)
    items = fusion(lists)
    assert sorted(item.id for item in items) == sorted({name for ids in ids_of_lists for name in ids})
    for item in items:
        assert set(item.decided_by) <= item.ranks.keys() and item.decided_by
    assert fusion(lists[::-1]) == items


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1), coefficients)
def test_a_single_list_comes_back_as_it_is(ids: list[str], values: list[float]) -> None:
    fusion = LearnedTensor(NAMES, np.array(values), 10.0)
    assert [item.id for item in fusion(as_lists([ids]))] == ids


@settings(deadline=None)
@given(id_lists, coefficients)
def test_items_of_one_list_alone_keep_its_order_whatever_other_lists_join(
    ids_of_lists: list[list[str]], values: list[float]
) -> None:
    lists = as_lists(ids_of_lists)
    order = [item.id for item in LearnedTensor(NAMES, np.array(values), 10.0)(lists)]
    for ranked in lists:
        elsewhere = {item for other in lists if other is not ranked for item in other.items}
        alone = [item for item in ranked.items if item not in elsewhere]
        assert [item for item in order if item in alone] == alone


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=8), st.data())
def test_the_slope_of_the_smooth_precision_is_its_slope(values: list[float], data: st.DataObject) -> None:
    scores = np.array(values)
    relevant = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    if not relevant.any():
        return
    anchors = np.flatnonzero(relevant)
    _, slope = smooth_precision(scores, relevant, anchors, 3, 0.2)
    for row in range(len(scores)):
        step = np.zeros(len(scores))
        step[row] = 1e-5
        above, below = (smooth_precision(scores + each, relevant, anchors, 3, 0.2)[0] for each in (step, -step))
        assert slope[row] == pytest.approx((above - below) / 2e-5, abs=1e-4)


def test_the_smooth_precision_of_scores_far_apart_is_the_average_precision() -> None:
    precision, _ = smooth_precision(
        np.array([0.9, 0.6, 0.3]), np.array([True, False, True]), np.array([0, 2]), 2, 0.001
    )
    assert precision == pytest.approx((1 + 2 / 3) / 2, abs=1e-3)
