"""Saved searches on the stream: a post meets filters first, then is judged by itself, as a search would score it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Filter, Point
from stormpetrel.search.percolator import CompiledSearch, Match, Percolator
from stormpetrel.search.percolator.compiled_search import searched_modalities
from stormpetrel.search.percolator.search_block import RelevanceOf
from stormpetrel.search.percolator.term_counts import TermCounts
from stormpetrel.search.query import Area, Query
from stormpetrel.search.search import PostSearch
from tests.unit.memory_index import MemoryIndex

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)
GENOA, HOUSTON, BOLOGNA = (8.93, 44.41), (-95.37, 29.76), (11.34, 44.49)
NAMES: Any = None  # no name is looked up


def cosine_as_relevance(scores: Mapping[str, NDArray[np.float64]], words: int) -> NDArray[np.float64]:
    """Half of the cosine and a tenth a shared word; unknown where the query has neither."""
    if not {"text", "lexical"} & scores.keys():
        return np.full(len(next(iter(scores.values()))), np.nan)
    text, lexical = scores.get("text", np.zeros(1)), scores.get("lexical", np.zeros(1))
    return np.clip(0.5 * np.nan_to_num(text) + 0.1 * np.nan_to_num(lexical), 0, 1)


def vector(*values: float) -> NDArray[np.float32]:
    unit = np.array(values, dtype=np.float32)
    return unit / np.float32(np.linalg.norm(unit) or 1)


def post(
    number: int,
    text: NDArray[np.float32] | None = None,
    terms: Sequence[int] = (),
    places: Sequence[tuple[float, float]] = (),
    **payload: Any,
) -> Point:
    there = [{"lon": longitude, "lat": latitude} for longitude, latitude in places]
    fields = {
        "kind": "original",
        "source": "x",
        "language": "en",
        "event_time": milliseconds(AT) + 60_000 * number,
        "indexed_at": milliseconds(AT) + 60_000 * number,
        "location": there,
        "towns": there,
        "labels": [],
    }
    dense = {} if text is None else {"text": text}
    sparse = {"lexical": (tuple(terms), (1.0,) * len(terms))} if terms else {}
    return Point(f"x:{number}", {**fields, **payload}, dense=dense, sparse=sparse)  # type: ignore[arg-type]


def search(number: int, query: Query, **fields: Any) -> CompiledSearch:
    return CompiledSearch(f"saved-{number}", query, searched_modalities(query), **fields)


def matched(
    searches: Sequence[CompiledSearch], posts: Sequence[Point], relevance: RelevanceOf | None = None
) -> list[Match]:
    percolator = Percolator(relevance or cosine_as_relevance)
    for each in searches:
        percolator.add(each)
    return percolator.match(posts)


def terms(*indices: int) -> TermWeights:
    return TermWeights(indices=indices, values=(1.0,) * len(indices))


def near_genoa(**fields: Any) -> Query:
    return Query(area=Area(*GENOA, 15), filter=Area(*GENOA, 15).narrowed(Filter()), **fields)


def test_a_stated_place_excludes_whatever_the_words_say() -> None:
    flood = vector(1, 0.2)
    there = post(1, vector(0.9, 0.4), places=[GENOA])  # cellars under water: other words, and the place
    far = post(2, flood, places=[HOUSTON])  # the very words, and another continent
    nowhere = post(3, flood)
    matches = matched([search(1, near_genoa(text=flood), min_relevance=0.4)], [there, far, nowhere])
    assert [match.post_id for match in matches] == ["x:1"]
    assert matches[0].decided_by == "relevance" and "reaches 0.40" in matches[0].reason


@pytest.mark.parametrize(
    ("within", "fields", "meets"),
    [
        (Filter(any_of={"language": ["it", "de"]}), {"language": "de"}, True),
        (Filter(any_of={"language": ["it"]}), {"language": "en"}, False),
        (Filter(any_of={"source": ["x"], "labels": ["posts:flood"]}), {"labels": ["a", "posts:flood"]}, True),
        (Filter(any_of={"labels": ["posts:flood"]}), {"labels": []}, False),
        (Filter(none_of={"labels": ["posts:spam"]}), {"labels": ["posts:spam"]}, False),
        (Filter(none_of={"labels": ["posts:spam"]}), {"labels": ["posts:flood"]}, True),
        (
            Filter(any_of={"countries": ["IT"], "divisions": ["IT.08"]}),
            {"countries": ["IT"], "divisions": ["IT.08"]},
            True,
        ),
        (Filter(any_of={"divisions": ["IT.08"]}), {"countries": ["IT"]}, False),
        (Filter(ranges={"event_time": (milliseconds(AT), None)}), {}, True),
        (Filter(ranges={"event_time": (None, milliseconds(AT) - 1)}), {}, False),
        (Filter(boxes=[(8.0, 44.0, 9.0, 45.0)]), {"location": [{"lon": 8.9, "lat": 44.4}]}, True),
        (Filter(boxes=[(8.0, 44.0, 9.0, 45.0)]), {"location": [{"lon": 11.3, "lat": 44.4}]}, False),
        (Filter(boxes=[(179.0, -18.0, -179.0, -16.0)]), {"location": [{"lon": -179.5, "lat": -17.0}]}, True),
        (Filter(boxes=[(179.0, -18.0, -179.0, -16.0)]), {"location": [{"lon": 0.0, "lat": -17.0}]}, False),
        (Filter(polygon=[(8, 44), (9, 44), (9, 45), (8, 44)]), {"location": [{"lon": 8.9, "lat": 44.4}]}, True),
        (Filter(polygon=[(8, 44), (9, 44), (9, 45), (8, 44)]), {"location": [{"lon": 8.1, "lat": 44.9}]}, False),
        (
            Filter(circles=[(*GENOA, 15)], place_field="towns"),
            {"towns": [], "location": [{"lon": 8.9, "lat": 44.4}]},
            False,
        ),
    ],
)
def test_each_filter_holds_as_in_the_index(within: Filter, fields: dict[str, Any], meets: bool) -> None:
    text = vector(1, 0)
    one = post(0, text, **fields)
    saved = search(1, Query(text=text, filter=within), min_relevance=0.1)
    other = search(2, Query(text=text), min_relevance=0.1)
    found = {match.saved_search_id for match in matched([saved, other], [one])}
    assert found == ({"saved-1", "saved-2"} if meets else {"saved-2"})
    index = MemoryIndex(posts=[one])
    assert bool(PostSearch(index, "posts").run(saved.query).items) == meets


def test_copies_deleted_searches_and_posts_from_before_match_nothing() -> None:
    text = vector(1, 0)
    percolator = Percolator(cosine_as_relevance)
    percolator.add(search(1, Query(text=text), min_relevance=0.1, created_at=AT + timedelta(minutes=10)))
    percolator.add(search(2, Query(text=text, exclude="x:20"), min_relevance=0.1))
    before, later = post(1, text), post(20, text)
    assert [match.saved_search_id for match in percolator.match([before])] == ["saved-2"]
    assert [match.saved_search_id for match in percolator.match([later])] == ["saved-1"]
    assert percolator.match([post(21, text, kind="near_duplicate")]) == []
    percolator.remove("saved-1")
    percolator.remove("saved-2")
    assert percolator.match([post(22, text)]) == []


def test_without_a_relevance_the_score_decides_and_the_match_says_so() -> None:
    close, far = post(1, vector(1, 0.5)), post(2, vector(0.1, 1))
    saved = [
        search(1, Query(text=vector(1, 0))),
        search(2, Query(text=vector(1, 0), score_threshold={"text": 0.05})),
        search(3, Query(area=Area(*GENOA))),
    ]
    matches = matched(
        saved,
        [close, far, post(3, places=[GENOA])],
        lambda scores, _: np.full(len(next(iter(scores.values()))), np.nan),
    )
    assert [(match.saved_search_id, match.post_id) for match in matches] == [
        ("saved-1", "x:1"), ("saved-2", "x:1"), ("saved-2", "x:2"), ("saved-3", "x:3")
    ]  # fmt: skip
    assert all(match.decided_by == "score" and match.relevance is None for match in matches)
    assert "cosine of 0.89 reaches 0.35" in matches[0].reason and "space finds it" in matches[-1].reason


def test_the_rank_among_recent_matches_is_told_and_decides_nothing() -> None:
    saved = search(1, Query(text=vector(1, 0)), min_relevance=0.1)
    posts = [post(0, vector(1, 0)), post(10, vector(1, 1)), post(20, vector(1, 0.5)), post(500, vector(1, 2))]
    recent = [match.recent for match in matched([saved], posts)]
    assert recent == [(1, 1), (2, 2), (2, 3), (1, 1)]  # the last one comes eight hours later


places = st.sampled_from([GENOA, HOUSTON, BOLOGNA, (8.95, 44.42)])
vectors = st.builds(vector, st.floats(-1, 1), st.floats(0.1, 1), st.floats(-1, 1))
posts = st.builds(
    post,
    st.integers(0, 40),
    st.none() | vectors,
    st.lists(st.integers(1, 6), max_size=4, unique=True),
    st.lists(places, max_size=2),
    language=st.sampled_from(["en", "it"]),
    kind=st.sampled_from(["original", "original", "near_duplicate"]),
)
filters = st.sampled_from(
    [
        Filter(),
        Filter(any_of={"language": ["it"]}),
        Filter(circles=[(*GENOA, 30.0)]),
        Filter(boxes=[(8.0, 44.0, 9.0, 45.0)]),
    ]
)
queries = st.builds(
    Query,
    text=st.none() | vectors,
    terms=st.none() | st.builds(terms, st.integers(1, 3), st.integers(4, 6)),
    area=st.none() | st.builds(lambda place: Area(*place), places),
    at=st.none() | st.just(AT),
    filter=filters,
    score_threshold=st.sampled_from([{}, {"text": 0.2}]),
).filter(lambda query: not query.is_empty)  # type: ignore[arg-type]


def distinct(found: Sequence[Point]) -> list[Point]:
    return [replace(each, id=f"x:{number}") for number, each in enumerate(found)]


@settings(max_examples=150, deadline=None)
@given(st.lists(posts, min_size=1, max_size=8).map(distinct), st.lists(queries, min_size=1, max_size=6))
def test_a_batch_matches_as_its_posts_do_one_by_one_and_again_under_the_same_ids(
    batch: list[Point], asked: list[Query]
) -> None:
    searches = [search(number, query, min_relevance=0.3) for number, query in enumerate(asked)]
    together, one_by_one = Percolator(cosine_as_relevance), Percolator(cosine_as_relevance)
    for each in searches:
        together.add(each)
        one_by_one.add(each)
    whole = together.match(batch)
    single = [match for point in batch for match in one_by_one.match([point])]
    assert [(match.match_id, match.recent) for match in whole] == [(match.match_id, match.recent) for match in single]
    for first, second in zip(whole, single, strict=True):
        assert first.scores == pytest.approx(second.scores, abs=1e-5)
    assert len({match.match_id for match in whole}) == len(whole)
    again = {match.match_id for match in percolator_of(searches).match(batch)}
    assert again == {match.match_id for match in whole}


def percolator_of(searches: Sequence[CompiledSearch]) -> Percolator:
    percolator = Percolator(cosine_as_relevance)
    for each in searches:
        percolator.add(each)
    return percolator


@settings(max_examples=150, deadline=None)
@given(posts, st.lists(queries, min_size=1, max_size=4))
def test_a_post_has_the_scores_that_a_search_over_an_index_with_it_gives(found: Point, asked: list[Query]) -> None:
    one = replace(found, payload={**found.payload, "kind": "original"})
    searches = [search(number, query, min_relevance=0.0) for number, query in enumerate(asked)]
    scores = {
        match.saved_search_id: match.scores
        for match in matched(searches, [one], lambda s, _: np.ones(len(next(iter(s.values())))))
    }
    counts, index_point = TermCounts(), one
    if "lexical" in one.sparse:  # the index in memory knows no frequencies: it is given what a real one multiplies by
        indices, values = one.sparse["lexical"]
        counts.add(indices)
        weighted = (counts.idf(indices) * np.array(values)).tolist()
        index_point = replace(one, sparse={"lexical": (indices, weighted)})
    for each in searches:
        lists = PostSearch(MemoryIndex(posts=[index_point]), "posts").run(each.query).lists
        expected = {ranked.modality: ranked.scores[0] for ranked in lists if len(ranked)}
        assert scores.get(each.saved_search_id, {}) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("polygon", [[(8, 44), (9, 44)], [(8, 44), (9, 45), (9, 44), (8, 45), (8, 44)]])
def test_a_search_that_cannot_be_compiled_silences_no_other(polygon: list[tuple[float, float]]) -> None:
    text = vector(1, 0)
    percolator = percolator_of([search(1, Query(text=text), min_relevance=0.1)])
    with pytest.raises(ValueError, match=r"polygon|linearring"):
        percolator.add(search(2, Query(text=text, filter=Filter(polygon=polygon))))
    percolator.add(search(3, Query(text=vector(1, 0, 0, 0, 0)), min_relevance=0.1))  # of another size
    assert [match.saved_search_id for match in percolator.match([post(1, text)])] == ["saved-1"]


def test_many_searches_and_few_are_compiled_alike() -> None:
    text = vector(1, 0)
    percolator = Percolator(cosine_as_relevance)
    for number in range(700):
        percolator.add(search(number, Query(text=text), min_relevance=0.1))
        if number % 100 == 0:
            percolator.match([post(number, text)])
    percolator.remove("saved-0")
    percolator.add(search(5, Query(text=vector(0, 1)), min_relevance=0.1))  # replaces the one of its id
    found = {match.saved_search_id for match in percolator.match([post(1000, text)])}
    assert found == {f"saved-{number}" for number in range(700)} - {"saved-0", "saved-5"}
