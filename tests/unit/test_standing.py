"""A standing query against a plain search: the same ranks, each post told once, what was there before is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.ports import Filter, IndexQuery, NearestQuery, OrderQuery, Scored
from stormpetrel.search import PostSearch, Query
from stormpetrel.search.saved_searches import SavedSearchMatcher

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Index:
    """An index in memory that knows vectors, event times and the moment of writing."""

    def __init__(self) -> None:
        self.posts: dict[str, tuple[float, int, int]] = {}

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return [self._answer(query) for query in queries]

    def _answer(self, query: IndexQuery) -> list[Scored]:
        low = query.filter.ranges.get("indexed_at", (None, None))[0]
        held = {post: held for post, held in self.posts.items() if low is None or held[2] >= low}
        if isinstance(query, NearestQuery):
            hits = [Scored({"id": post}, angle) for post, (angle, _, _) in held.items()]
            return sorted(hits, key=lambda hit: -hit.score)[: query.limit]
        assert isinstance(query, OrderQuery) and query.start is not None
        sign = 1 if query.direction == "asc" else -1
        times = [(at, post) for post, (_, at, _) in held.items() if sign * (at - query.start) >= 0]
        ordered = sorted(times, key=lambda pair: sign * pair[0])[: query.limit]
        return [Scored({"id": post, "event_time": at}, 0.0) for at, post in ordered]


def _question(depth: int) -> Query:
    return Query(text=np.ones(2, dtype=np.float32), at=AT, depth=depth, filter=Filter())


posts = st.lists(st.tuples(st.integers(0, 1000), st.integers(-50, 50)), max_size=25)


@settings(max_examples=80, deadline=None)
@given(before=posts, after=posts, within=st.integers(1, 30))
def test_news_are_ranked_as_a_search_ranks_them(
    before: list[tuple[int, int]], after: list[tuple[int, int]], within: int
) -> None:
    index, now_ms = Index(), 1_000_000
    search = PostSearch(index, "posts")  # type: ignore[arg-type]
    base = int(AT.timestamp() * 1000)
    for n, (angle, shift) in enumerate(before):
        index.posts[f"old-{n:02d}"] = (angle / 1000, base + shift, now_ms - 1)
    standing = SavedSearchMatcher(search, _question(20), within, None, clock=lambda: now_ms / 1000)
    assert standing.news().matches == []
    for n, (angle, shift) in enumerate(after):
        index.posts[f"new-{n:02d}"] = (angle / 1000, base + shift, now_ms)
    told = standing.news().matches
    fused = search.run(_question(20)).items[:within]
    wanted = [(rank, item.id) for rank, item in enumerate(fused, start=1) if item.id.startswith("new")]
    assert [(rank, item.id) for rank, item in told] == wanted
    assert standing.news().matches == []


def test_who_comes_back_hears_what_came_meanwhile_even_if_it_was_written_late() -> None:
    index = Index()
    search = PostSearch(index, "posts")  # type: ignore[arg-type]
    base = int(AT.timestamp() * 1000)
    index.posts["long before"] = (0.9, base, 80_000)
    index.posts["stamped before, written after"] = (0.8, base, 99_000)
    index.posts["after"] = (0.7, base, 101_000)
    standing = SavedSearchMatcher(search, replace(_question(20), at=None), 10, since_ms=100_000, clock=lambda: 105.0)
    assert [item.id for _, item in standing.news().matches] == ["stamped before, written after", "after"]
