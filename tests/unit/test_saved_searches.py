"""A saved search against a plain search: the same ranks, each post once, and no post that was there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted
from stormpetrel.core.ports import Filter, IndexQuery, NearestQuery, OrderQuery, Scored
from stormpetrel.search import PostSearch, Query, SearchRequest
from stormpetrel.search.request import SavedSearchRequest
from stormpetrel.search.saved_search_register import SavedSearchEvent, SavedSearchRegister
from stormpetrel.search.saved_searches import SavedSearchMatcher

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Index:
    """An index in memory: each post with its similarity, its event time and the moment of writing."""

    def __init__(self) -> None:
        self.posts: dict[str, tuple[float, int, int]] = {}

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return [self._answer(query) for query in queries]

    def _answer(self, query: IndexQuery) -> list[Scored]:
        low = query.filter.ranges.get("indexed_at", (None, None))[0]
        posts = {post: fields for post, fields in self.posts.items() if low is None or fields[2] >= low}
        if isinstance(query, NearestQuery):
            hits = [Scored({"id": post}, similarity) for post, (similarity, _, _) in posts.items()]
            return sorted(hits, key=lambda hit: -hit.score)[: query.limit]
        assert isinstance(query, OrderQuery) and query.start is not None
        sign = 1 if query.direction == "asc" else -1
        times = [(at, post) for post, (_, at, _) in posts.items() if sign * (at - query.start) >= 0]
        ordered = sorted(times, key=lambda pair: sign * pair[0])[: query.limit]
        return [Scored({"id": post, "event_time": at}, 0.0) for at, post in ordered]


def _query(depth: int) -> Query:
    return Query(text=np.ones(2, dtype=np.float32), at=AT, depth=depth, filter=Filter())


posts = st.lists(st.tuples(st.integers(0, 1000), st.integers(-50, 50)), max_size=25)


@settings(max_examples=80, deadline=None)
@given(before=posts, after=posts, within=st.integers(1, 30))
def test_new_posts_have_the_ranks_that_a_search_gives_them(
    before: list[tuple[int, int]], after: list[tuple[int, int]], within: int
) -> None:
    index, now = Index(), 1_000_000
    search = PostSearch(index, "posts")  # type: ignore[arg-type]
    base = int(AT.timestamp() * 1000)
    for n, (similarity, shift) in enumerate(before):
        index.posts[f"old-{n:02d}"] = (similarity / 1000, base + shift, now - 1)
    matcher = SavedSearchMatcher(search, _query(20), within, None, clock=lambda: now)
    assert matcher.poll().matches == []
    for n, (similarity, shift) in enumerate(after):
        index.posts[f"new-{n:02d}"] = (similarity / 1000, base + shift, now)
    matches = matcher.poll().matches
    fused = search.run(_query(20)).items[:within]
    expected = [(rank, item.id) for rank, item in enumerate(fused, start=1) if item.id.startswith("new")]
    assert [(rank, item.id) for rank, item in matches] == expected
    assert matcher.poll().matches == []


def test_a_listener_that_returns_gets_the_posts_in_between_even_those_written_late() -> None:
    index = Index()
    search = PostSearch(index, "posts")  # type: ignore[arg-type]
    base = int(AT.timestamp() * 1000)
    index.posts["long before"] = (0.9, base, 80_000)
    index.posts["stamped before, written after"] = (0.8, base, 99_000)
    index.posts["after"] = (0.7, base, 101_000)
    matcher = SavedSearchMatcher(search, replace(_query(20), at=None), 10, since_ms=100_000, clock=lambda: 105_000)
    assert [item.id for _, item in matcher.poll().matches] == ["stamped before, written after", "after"]


def _register(written: list[SavedSearchEvent]) -> SavedSearchRegister:
    return SavedSearchRegister(written.append, lambda: None)


def test_a_saved_search_is_written_and_kept_until_it_is_deleted() -> None:
    written: list[SavedSearchEvent] = []
    register = _register(written)
    saved = register.create(SavedSearchRequest(text="flood", within=5), check=lambda request: None)
    assert (register.all(), saved.within) == ([saved], 5)
    assert saved.request == {"text": "flood", "score_threshold": {"text": 0.35}}
    register.delete(saved.saved_search_id)
    assert [type(event) for event in written] == [SavedSearch, SavedSearchDeleted]
    assert register.all() == [] and not register.exists(saved.saved_search_id)
    with pytest.raises(NotFound):
        register.get(saved.saved_search_id)


def test_events_of_other_processes_are_applied() -> None:
    created = _register([]).create(SavedSearchRequest(text="flood"), check=lambda request: None)
    register = _register([])
    register.apply(created)
    assert register.get(created.saved_search_id) == created


def test_a_saved_search_that_cannot_be_answered_is_not_written() -> None:
    written: list[SavedSearchEvent] = []

    def refuse(_: SearchRequest) -> None:
        raise BadQuery("text", "it cannot be searched", "Send another")

    with pytest.raises(BadQuery):
        _register(written).create(SavedSearchRequest(text="flood"), refuse)
    with pytest.raises(BadQuery, match="no pages"):
        _register(written).create(SavedSearchRequest(text="flood", cursor="x"), lambda request: None)
    assert written == []
