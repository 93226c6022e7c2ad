"""The law of the embedding cache: whatever was written, changed or deleted, it answers with the index's items."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import Document, Filter, ScannedPage
from stormpetrel.learning.active import embedding_cache
from stormpetrel.learning.active.embedding_cache import EmbeddingCache

# (change, item, value, read): a point is written with a vector or without one, or deleted; then the cache is read, read
# while the index fails half-way, or not read.
changes_and_reads = st.lists(
    st.tuples(
        st.sampled_from(["write", "write without vector", "delete"]),
        st.integers(0, 7),
        st.integers(1, 99),
        st.sampled_from(["read", "fail", "wait"]),
    ),
    min_size=1,
    max_size=30,
)


class Index:
    """Points by id, as a vector index gives them: in an order of its own, two a page."""

    def __init__(self) -> None:
        self.points: dict[str, tuple[Document, list[float] | None]] = {}
        self.fails = False

    def _matches(self, within: Filter | None) -> list[tuple[Document, list[float] | None]]:
        since = (within.ranges.get("indexed_at", (None, None))[0] if within else None) or 0
        return [point for _, point in sorted(self.points.items(), reverse=True) if point[0]["indexed_at"] >= since]

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterator[ScannedPage]:
        matches = self._matches(within)
        for first in range(0, len(matches), 2):
            page = matches[first : first + 2]
            with_vector = [point for point in page if point[1] is not None]
            yield ScannedPage(
                [point[0] for point in with_vector],
                np.array([point[1] for point in with_vector], dtype=np.float32),
                [point[0] for point in page if point[1] is None],
            )
            if self.fails:
                raise StoreUnavailable("half-way")

    def count(self, collection: str, within: Filter | None = None) -> int:
        return len(self._matches(within))

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        return [str(point[0]["id"]) for point in self._matches(within)]


@settings(max_examples=60, deadline=None)
@given(changes_and_reads)
def test_the_cache_answers_with_what_the_index_has_now(steps: list[tuple[str, int, int, str]]) -> None:
    index, clock_ms = Index(), 1_000_000
    index_port: Any = index
    cache = EmbeddingCache(index_port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding_cache, "now_ms", lambda: clock_ms)
        for change, item, value, read in [*steps, ("write", 0, 1, "read")]:
            clock_ms += 1000
            item_id = f"x:{item}"
            if change == "delete":
                index.points.pop(item_id, None)
            else:
                payload = {"id": item_id, "event_time": value, "indexed_at": clock_ms, "source": "xy"[value % 2]}
                if value % 3:
                    payload["location"] = [{"lon": float(value), "lat": -float(value)}]
                index.points[item_id] = (payload, [float(value), 1.0, 2.0] if change == "write" else None)
            index.fails = read == "fail" and bool(index.points)
            if index.fails:
                with contextlib.suppress(StoreUnavailable):
                    cache.get("posts", "text", {})
            if read == "read":
                assert_holds_the_index(cache, index)


def assert_holds_the_index(cache: EmbeddingCache, index: Index) -> None:
    items = cache.get("posts", "text", {})
    points = {item_id: point for item_id, point in sorted(index.points.items()) if point[1] is not None}
    assert items.ids == list(points) and dict(items.rows) == {item_id: row for row, item_id in enumerate(points)}
    for row, (payload, vector) in enumerate(points.values()):
        assert items.vectors[row].tolist() == vector and items.times[row] == payload["event_time"]
        place = payload.get("location", [{"lon": np.nan, "lat": np.nan}])[0]
        np.testing.assert_equal([items.longitudes[row], items.latitudes[row]], [place["lon"], place["lat"]])
    from_x = [payload["source"] == "x" for payload, _ in points.values()]
    assert items.in_groups(lambda group: group["source"] == "x").tolist() == from_x
