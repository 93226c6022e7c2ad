"""The baselines of the paper in their published form: the graph with its projection, and weights of an event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.evaluation.event_weights import precision_table, weight_grid
from stormpetrel.evaluation.measures import average_precision
from stormpetrel.fusion import RankList
from stormpetrel.fusion.baselines import weighted_scores
from stormpetrel.fusion.baselines.projected_graph import COMPONENTS, project, projected_graph

SIMILAR = np.array([[1.0, 0.0], [0.99, 0.14], [0.0, 1.0], [0.14, 0.99], [0.71, 0.71]])


def test_two_views_of_one_thing_meet_in_the_latent_space() -> None:
    chance = np.random.default_rng(5)
    hidden = chance.normal(size=(200, 4))
    first, second = (hidden @ chance.normal(size=(4, size)) for size in (30, 50))
    first_latent, second_latent = project(first, second)
    assert first_latent.shape == second_latent.shape == (200, COMPONENTS)
    assert np.linalg.norm(first_latent, axis=1) == pytest.approx(np.ones(200))
    same = (first_latent * second_latent).sum(axis=1).mean()
    others = (first_latent * np.roll(second_latent, 1, axis=0)).sum(axis=1).mean()
    assert same > 0.8 > 0.3 > others


def test_the_walk_lifts_what_resembles_the_best_items() -> None:
    lists = [RankList.of("text", [("0", 1.0), ("2", 0.5), ("1", 0.5)]), RankList.of("time", [("0", 1.0), ("4", 0.1)])]
    order = [item.id for item in projected_graph(lists, {"text": SIMILAR}, int)]
    assert order[0] == "0"
    assert order.index("1") < order.index("2"), "1 is like 0, 2 is not; their scores are equal"


def test_a_graph_without_vectors_is_the_sum_of_scores() -> None:
    lists = [RankList.of("text", [("0", 1.0), ("1", 0.5), ("2", 0.2)]), RankList.of("time", [("2", 1.0), ("1", 0.9)])]
    order = [item.id for item in projected_graph(lists, {}, int)]
    assert order == [item.id for item in weighted_scores(lists)]
    assert projected_graph([], {"text": SIMILAR}, int) == []


def test_an_item_alone_and_one_that_resembles_nothing_are_kept() -> None:
    assert [item.id for item in projected_graph([RankList.of("text", [("3", 0.4)])], {"text": SIMILAR}, int)] == ["3"]
    nothing = np.zeros((3, 2))
    ranked = RankList.of("text", [("0", 0.9), ("1", 0.4), ("2", 0.1)])
    assert [item.id for item in projected_graph([ranked], {"text": nothing}, int)] == ["0", "1", "2"]


def test_the_grid_of_weights_is_whole() -> None:
    assert len(weight_grid(2)) == 11 and len(weight_grid(4)) == 286
    assert weight_grid(3).sum(axis=1) == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9), min_size=1), min_size=2, max_size=2),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
)
def test_the_table_holds_the_precision_of_every_weighted_sum(scored: list[dict[str, int]], relevant: set[str]) -> None:
    names = ("text", "time")
    lists = {name: RankList.of(name, scores.items()) for name, scores in zip(names, scored, strict=True)}
    table = precision_table(lists, frozenset(relevant), names)
    for choice, weights in enumerate(weight_grid(2)):
        fused = weighted_scores(list(lists.values()), dict(zip(names, weights.tolist(), strict=True)))
        hits = [item.id in relevant for item in fused]
        assert table[choice] == pytest.approx(average_precision(hits, len(relevant), 100))
