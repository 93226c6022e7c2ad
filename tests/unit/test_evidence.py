"""Evidence ranks, and filters exclude: what a place and a time mean, and what equal evidence is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.cells import distance_km
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ports import Filter, Point
from stormpetrel.fusion import METHODS, LearnedTensor, RankList, fuse
from stormpetrel.search.modalities import active_modalities
from stormpetrel.search.nearness import CIRCLES_KM, Spatiotemporal, nearness
from stormpetrel.search.query import Area, Query
from stormpetrel.search.relevance import NO_TEXT, Relevance
from stormpetrel.search.search import Learned, PostSearch
from tests.unit.memory_index import MemoryIndex

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)
GENOA = (8.934, 44.407)
TEXT = np.array([1, 0], dtype=np.float32)


def post(post_id: str, east_km: float, minutes: float, text: tuple[float, float] = (1, 0)) -> Point:
    """A post so far east of Genoa, so long after the query's moment."""
    longitude = GENOA[0] + east_km / (111.195 * np.cos(np.radians(GENOA[1])))
    payload = {
        "kind": "original",
        "event_time": milliseconds(AT + timedelta(minutes=minutes)),
        "towns": [{"lon": float(longitude), "lat": GENOA[1]}],
    }
    return Point(post_id, payload, {"text": np.array(text, dtype=np.float32)})


def lists_of(points: list[Point], query: Query) -> dict[str, RankList]:
    return {ranked.modality: ranked for ranked in PostSearch(MemoryIndex(posts=points), "posts").lists(query)}


@given(st.lists(st.floats(0, 280), min_size=1, max_size=60), st.integers(1, 12))
def test_the_nearest_posts_are_found_however_many_newer_ones_are_further_away(
    distances: list[float], depth: int
) -> None:
    # The nearer, the older: the newest of every circle are its furthest.
    points = [post(f"x:{n:02d}", km, minutes=km) for n, km in enumerate(distances)]
    space = lists_of(points, Query(area=Area(*GENOA), depth=depth))["space"]
    assert len(space) == min(depth, len(points))
    nearest = sorted(distances)[: len(space)]
    for score, km in zip(sorted(space.scores, reverse=True), nearest, strict=True):
        assert -score == pytest.approx(km, abs=1.0), "within a kilometre, distances are equal evidence"


def test_equally_near_posts_share_a_rank_and_the_newer_comes_first() -> None:
    points = [post("bsky:old", 0.2, 0), post("x:new", 0.6, 30), post("x:far", 12, 60)]
    space = lists_of(points, Query(area=Area(*GENOA)))["space"]
    assert space.items == ("x:new", "bsky:old", "x:far")
    assert space.ranks == {"x:new": 2, "bsky:old": 2, "x:far": 3}


def test_equally_timely_posts_share_a_rank_and_the_nearer_moment_comes_first() -> None:
    points = [post("a", 5, 9.0), post("b", 5, -1.0), post("c", 5, 40)]
    time = lists_of(points, Query(at=AT))["time"]
    assert time.items == ("b", "a", "c")
    assert time.ranks == {"b": 2, "a": 2, "c": 3}


def test_place_and_time_are_one_list_where_both_are_evidence() -> None:
    points = [post("here and then", 1, 1), post("here, days later", 1, 3 * 24 * 60), post("far and then", 120, 1)]
    lists = lists_of(points, Query(area=Area(*GENOA), at=AT))
    assert list(lists) == ["spatiotemporal"]
    assert lists["spatiotemporal"].items == ("here and then", "far and then", "here, days later")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (Query(area=Area(*GENOA)), {"space"}),
        (Query(at=AT), {"time"}),
        (Query(area=Area(*GENOA), at=AT), {"spatiotemporal"}),
        (Query(area=Area(*GENOA, radius_km=40.0), at=AT), {"time"}),
        (Query(area=Area(*GENOA, radius_km=40.0), only=frozenset({"space"})), {"space"}),
    ],
)
def test_a_place_with_an_end_is_a_filter_and_ranks_only_where_it_is_named(query: Query, names: set[str]) -> None:
    assert {modality.name for modality in active_modalities(query) if modality.index_queries(query, 5)} == names


@given(st.lists(st.tuples(st.floats(0, 320), st.integers(-90, 90)), max_size=60), st.integers(1, 6))
def test_smaller_circles_are_left_out_only_where_they_add_nothing(places: list[tuple[float, int]], depth: int) -> None:
    index = MemoryIndex(posts=[post(f"x:{n:02d}", km, minutes) for n, (km, minutes) in enumerate(places)])
    query, joined = Query(area=Area(*GENOA), at=AT, depth=depth), Spatiotemporal()
    (ranked,) = PostSearch(index, "posts").lists(query)
    circles = [part for km in CIRCLES_KM for part in joined._in_circle(query, km, depth + 1)]
    hits = [hit for answer in index.query("posts", circles) for hit in answer]
    scores = joined.scores(hits, query)
    whole = RankList.of(joined.name, scores, nearness(hits, query), joined.resolution).head(depth)
    assert (ranked.items, ranked.scores) == (whole.items, whole.scores)


def test_an_area_leaves_out_whatever_lies_outside() -> None:
    within = Area(*GENOA, radius_km=40.0).narrowed(Filter())
    points = [post("inside", 39, 0, (0.1, 1)), post("outside", 41, 0)]
    items = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, at=AT, filter=within)).items
    assert [item.id for item in items] == ["inside"]


def test_a_list_of_equal_hits_has_no_say() -> None:
    points = [post("a: other", 0, 0, (0, 1)), post("b: flood", 0, 1), post("c: near it", 0, 2, (1, 1))]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, at=AT))
    assert result.uninformative == ("time",)
    assert [item.id for item in result.items] == ["b: flood", "c: near it", "a: other"]


def test_a_whole_list_of_equal_hits_tells_them_from_those_that_it_lacks() -> None:
    points = [post("a: far", 2000, 0), post("b: near", 0.1, 0, (1, 0.1)), post("c: near", 0.2, 0, (1, 0.2))]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, area=Area(*GENOA)))
    assert result.uninformative == ()
    assert [item.id for item in result.items] == ["b: near", "c: near", "a: far"]


def test_a_list_of_equal_hits_that_was_cut_has_no_say() -> None:
    points = [post(f"{n}", 0.1, 0, (1, 0.1 * n)) for n in range(6)] + [post("far", 2000, 0, (1, 0.15))]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, area=Area(*GENOA), depth=3))
    assert result.uninformative == ("space",)
    assert [item.id for item in result.items] == ["0", "1", "far"]


def test_on_a_busy_night_time_still_tells_the_night_from_another_day() -> None:
    night = [post(f"night {n}", 0, 0.1 * n, (0.2, 1)) for n in range(12)]
    points = [*night, post("a week later", 0, 7 * 24 * 60, (1, 0.2)), post("that night", 0, 3, (1, 0.3))]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, at=AT, depth=5))
    time = next(ranked for ranked in result.lists if ranked.modality == "time")
    assert time.ranks["a week later"] == len(time) > time.ranks["that night"], "a text's hit, judged by time too"
    assert result.uninformative == ()


def test_hits_far_from_the_place_are_not_judged_by_it() -> None:
    points = [post("far", 900, 0), post("near", 1.5, 0, (1, 0.5)), post("nearer", 0.5, 0, (1, 0.9))]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(text=TEXT, area=Area(*GENOA)))
    space = next(ranked for ranked in result.lists if ranked.modality == "space")
    assert space.items == ("nearer", "near")


def test_if_all_lists_are_of_equal_hits_these_are_the_answer() -> None:
    points = [post("a", 0, 0), post("b", 0, 1)]
    result = PostSearch(MemoryIndex(posts=points), "posts").run(Query(at=AT))
    assert [item.id for item in result.items] == ["a", "b"]


steps = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3)), min_size=1, unique_by=lambda pair: pair[0])


@given(steps)
def test_equal_scores_share_the_rank_of_the_last_of_them(scored: list[tuple[str, int]]) -> None:
    ranked = RankList.of("space", scored)
    for item, score in scored:
        assert ranked.ranks[item] == sum(other >= score for _, other in scored)
    assert ranked.tells_apart == (len({score for _, score in scored}) > 1)


@given(steps, st.sampled_from(sorted(METHODS)), st.randoms(use_true_random=False))
def test_a_fused_tie_is_ordered_by_nearness_before_ids(scored: list[tuple[str, int]], method: str, random: Any) -> None:
    nearness = {item: (float(place),) for place, item in enumerate(random.sample([i for i, _ in scored], len(scored)))}
    lists = [RankList.of(name, scored, nearness) for name in ("space", "text")]
    score_of = dict(scored)
    expected = sorted(score_of, key=lambda item: (-score_of[item], nearness[item]))
    assert [item.id for item in fuse(lists, method)] == expected


def test_distances_of_the_test_are_those_of_the_index() -> None:
    place = post("x", 40, 0).payload["towns"][0]
    assert distance_km(*GENOA, place["lon"], place["lat"]) == pytest.approx(40, abs=0.1)


def test_the_learned_tensor_moves_the_query_to_its_best_hits_and_knows_their_relevance() -> None:
    points = [post(f"flood {n}", 0, n, (0.8, 0.6)) for n in range(5)]
    # Not among the first hits of the query itself, but like the best of them.
    points += [post("like them", 0, 9, (0.28, 0.96)), post("unlike them", 0, 9, (0.29, -0.95))]
    relevance = Relevance("m@1", np.array([-2.0, 6.0, 0, 0, 0, 0, 0, 0, 0]))
    search = PostSearch(MemoryIndex(posts=points), "posts", Learned(LearnedTensor.equal(), relevance))
    result = search.run(Query(text=TEXT, words=1))
    assert [item.id for item in result.items].index("like them") < [item.id for item in result.items].index(
        "unlike them"
    )
    assert result.fusion == "tensor_learned" and all(item.decided_by for item in result.items)
    assert result.relevance["flood 0"] > 0.9 > 0.5 > result.relevance["unlike them"] and result.relevance_note is None
    sure = search.run(Query(text=TEXT, words=1, min_relevance=0.9))
    assert {item.id for item in sure.items} == {f"flood {n}" for n in range(5)}
    assert search.run(Query(at=AT)).relevance_note == NO_TEXT


def test_a_least_score_of_the_text_and_the_named_modalities_hold_for_the_list_of_feedback() -> None:
    points = [post(f"flood {n}", 0, n, (0.8, 0.6)) for n in range(5)] + [post("like them", 0, 9, (0.28, 0.96))]
    search = PostSearch(MemoryIndex(posts=points), "posts", Learned(LearnedTensor.equal()))
    assert {item.id for item in search.run(Query(text=TEXT)).items} == {point.id for point in points}
    near_enough = Query(text=TEXT, score_threshold={"text": 0.5})
    assert {item.id for item in search.run(near_enough).items} == {f"flood {n}" for n in range(5)}
    assert search.feedback(near_enough, search.lists(near_enough)), "it still orders the posts that are near enough"
    by_time = Query(text=TEXT, at=AT, only=frozenset({"time"}))
    assert search.feedback(by_time, search.lists(by_time)) is None
