"""The law of matrices: whatever was written, changed and deleted between two looks, what is held is what is there."""

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
from stormpetrel.learning.active import embedding_cache as matrix
from stormpetrel.learning.active.embedding_cache import EmbeddingCache

# (what is done, item, value): a point is written with a vector or without one, or deleted; then it is looked at,
# looked at while the index fails half-way, or not looked at.
steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "bare", "delete"]),
        st.integers(0, 7),
        st.integers(1, 99),
        st.sampled_from(["looks", "fails", "waits"]),
    ),
    min_size=1,
    max_size=30,
)


class Index:
    """Points by id, as a vector index tells them: in an order of its own, two a page."""

    def __init__(self) -> None:
        self.points: dict[str, tuple[Document, list[float] | None]] = {}
        self.fails = False

    def _met(self, within: Filter | None) -> list[tuple[Document, list[float] | None]]:
        since = (within.ranges.get("indexed_at", (None, None))[0] if within else None) or 0
        return [held for _, held in sorted(self.points.items(), reverse=True) if held[0]["indexed_at"] >= since]

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterator[ScannedPage]:
        met = self._met(within)
        for first in range(0, len(met), 2):
            page = met[first : first + 2]
            have = [held for held in page if held[1] is not None]
            yield ScannedPage(
                [held[0] for held in have],
                np.array([held[1] for held in have], dtype=np.float32),
                [held[0] for held in page if held[1] is None],
            )
            if self.fails:
                raise StoreUnavailable("half-way")

    def count(self, collection: str, within: Filter | None = None) -> int:
        return len(self._met(within))

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        return [str(held[0]["id"]) for held in self._met(within)]


@settings(max_examples=60, deadline=None)
@given(steps)
def test_what_is_held_is_what_is_there(done: list[tuple[str, int, int, str]]) -> None:
    index, clock = Index(), 1_000_000
    index_port: Any = index
    held = EmbeddingCache(index_port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix.time, "time", lambda: clock / 1000)
        for what, item, value, look in done:
            clock += 1000
            own = f"x:{item}"
            if what == "delete":
                index.points.pop(own, None)
            else:
                payload = {"id": own, "event_time": value, "indexed_at": clock, "source": "xy"[value % 2]}
                if value % 3:
                    payload["location"] = [{"lon": float(value), "lat": -float(value)}]
                index.points[own] = (payload, [float(value), 1.0, 2.0] if what == "write" else None)
            index.fails = look == "fails" and bool(index.points)
            if index.fails:
                with contextlib.suppress(StoreUnavailable):
                    held.get("posts", "text", {})
            if look == "looks":
                items = held.get("posts", "text", {})
                there = {own: told for own, told in sorted(index.points.items()) if told[1] is not None}
                assert items.ids == list(there) and dict(items.rows) == {own: row for row, own in enumerate(there)}
                for row, (payload, vector) in enumerate(there.values()):
                    assert items.vectors[row].tolist() == vector and items.times[row] == payload["event_time"]
                    place = payload.get("location", [{"lon": np.nan, "lat": np.nan}])[0]
                    np.testing.assert_equal([items.longitudes[row], items.latitudes[row]], [place["lon"], place["lat"]])
                wanted = [payload["source"] == "x" for payload, _ in there.values()]
                assert items.of_origin(lambda origin: origin["source"] == "x").tolist() == wanted
