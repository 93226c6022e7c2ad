"""All vectors of a collection in memory, kept fresh: what relevance feedback scores as a whole, again and again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.ports import Document, Filter, VectorIndex

PAYLOAD = ("id", "event_time", "indexed_at", "location", "scene_id", "products", "sensors", "language", "source")
OVERLAP_MS = 5000  # what was written while the last look was under way is looked at again
SQUARE = re.compile(r"^(?P<scene>.+)/(?P<epsg>\d+)/g(?P<side>\d+)/r(?P<row>\d+)c(?P<column>\d+)$")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Items:
    """A collection as it stood: row by row the same item. `times` are ms since 1970, places degrees (NaN: none)."""

    ids: list[str]
    rows: Mapping[str, int]
    vectors: NDArray[np.float32]
    times: NDArray[np.int64]
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    payloads: list[Document]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, mask: Mask) -> Items:
        """The items that a mask leaves."""
        kept = np.flatnonzero(mask)
        ids = [self.ids[row] for row in kept]
        return Items(
            ids, {own: row for row, own in enumerate(ids)}, self.vectors[kept], self.times[kept],
            self.longitudes[kept], self.latitudes[kept], [self.payloads[row] for row in kept],
        )  # fmt: skip


@dataclass
class _Held:
    payloads: dict[str, Document] = field(default_factory=dict)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    seen_until: int | None = None
    items: Items | None = None


class Matrices:
    """The collections that rounds were asked of. What was written since is read before each answer; what was deleted is
    noticed by the count."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self._held: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Held] = {}
        self._lock = threading.Lock()

    def get(self, collection: str, vector: str, equal: Mapping[str, str]) -> Items:
        """All items of a collection with these keyword values that have this vector, as they are now. Raises
        StoreUnavailable."""
        key = (collection, vector, tuple(sorted(equal.items())))
        with self._lock:
            held = self._held.setdefault(key, _Held())
            if self._refresh(held, collection, vector, {name: [value] for name, value in equal.items()}):
                held.items = _items(held)
            assert held.items is not None
            return held.items

    def _refresh(self, held: _Held, collection: str, vector: str, any_of: dict[str, Sequence[str]]) -> bool:
        started, within = int(time.time() * 1000), Filter(any_of=any_of)
        fresh = within
        if held.seen_until is not None:
            fresh = Filter(any_of=any_of, ranges={"indexed_at": (held.seen_until - OVERLAP_MS, None)})
        changed = held.items is None
        for payload, values in self._index.walk(collection, vector, PAYLOAD, fresh):
            own = str(payload["id"])
            known = held.payloads.get(own)
            if known is None or known.get("indexed_at") != payload.get("indexed_at"):
                changed = True
                held.payloads[own] = payload
                held.vectors.pop(own, None)
                if values is not None:
                    held.vectors[own] = values
        if self._index.count(collection, within) != len(held.payloads):
            there = set(self._index.ids(collection, within))
            for own in held.payloads.keys() - there:
                changed = True
                del held.payloads[own]
                held.vectors.pop(own, None)
        held.seen_until = started
        return changed


def _items(held: _Held) -> Items:
    ids = sorted(held.vectors)
    payloads = [held.payloads[own] for own in ids]
    places = [(payload.get("location") or [None])[0] for payload in payloads]
    dimensions = len(next(iter(held.vectors.values()))) if held.vectors else 0
    vectors = np.empty((len(ids), dimensions), dtype=np.float32)
    for row, own in enumerate(ids):
        vectors[row] = held.vectors[own]
        held.vectors[own] = vectors[row]  # the row of the matrix: the values are held once
    return Items(
        ids, {own: row for row, own in enumerate(ids)}, vectors,
        np.array([payload.get("event_time") or 0 for payload in payloads], dtype=np.int64),
        np.array([place["lon"] if place else np.nan for place in places], dtype=np.float64),
        np.array([place["lat"] if place else np.nan for place in places], dtype=np.float64),
        payloads,
    )  # fmt: skip


def parents_of(finer: Sequence[str], coarser: Mapping[str, int]) -> NDArray[np.int64]:
    """For each patch id the row of the coarser patch of the same scene that it lies in; -1 where there is none."""
    side = next((int(found["side"]) for own in coarser if (found := SQUARE.match(own))), 0)
    rows = [coarser.get(_around(own, side), -1) if side else -1 for own in finer]
    return np.array(rows, dtype=np.int64)


def _around(own: str, side: int) -> str:
    """The id of the patch of a coarser side that a patch lies in.

    >>> _around("S2B_X|S1A_Y/32632/g120/r4098c0411", 480)
    'S2B_X|S1A_Y/32632/g480/r1024c0102'
    """
    found = SQUARE.match(own)
    if found is None:
        return ""
    ratio = side // int(found["side"])
    row, column = int(found["row"]) // ratio, int(found["column"]) // ratio
    return f"{found['scene']}/{found['epsg']}/g{side}/r{row:04d}c{column:04d}"


def square_of(own: str) -> dict[str, Any] | None:
    """What a patch's id says: its scene, EPSG code, side, row and column; None where it is no patch's id."""
    found = SQUARE.match(own)
    if found is None:
        return None
    return {"scene": found["scene"], **{name: int(found[name]) for name in ("epsg", "side", "row", "column")}}
