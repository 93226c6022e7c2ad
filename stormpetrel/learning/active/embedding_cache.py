"""All vectors of a collection in memory, kept fresh: what relevance feedback scores as a whole, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.ports import Document, Filter, ScannedPage, VectorScanner

ORIGIN = ("scene_id", "products", "sensors", "language", "source")  # of these many items have the same
PAYLOAD = ("id", "event_time", "indexed_at", "location", *ORIGIN)
OVERLAP_MS = 5000  # what was written while the last look was under way is looked at again
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """A collection as it stood, by id: row by row the same item. `times` are ms since 1970, places degrees (NaN: none),
    `origins` the rows of `distinct`: scene, products and sensors of patches, language and source of posts."""

    ids: list[str]
    rows: Mapping[str, int]
    vectors: NDArray[np.float32]
    times: Rows
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    origins: Rows
    distinct: Sequence[Document]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, mask: Mask) -> Items:
        """The items that a mask leaves."""
        kept = np.flatnonzero(mask)
        ids = [self.ids[row] for row in kept]
        return Items(
            ids,
            {own: row for row, own in enumerate(ids)},
            self.vectors[kept],
            self.times[kept],
            self.longitudes[kept],
            self.latitudes[kept],
            self.origins[kept],
            self.distinct,
        )

    def of_origin(self, wanted: Callable[[Document], bool]) -> Mask:
        """The items whose origin is wanted; each is looked at once."""
        found: Mask = np.array([wanted(origin) for origin in self.distinct], dtype=bool)[self.origins]
        return found


@dataclass
class _Held:
    """What is known of a collection: its items, and when each of its points was written, with or without the vector."""

    items: Items | None = None
    written: dict[str, int | None] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    distinct: list[Document] = field(default_factory=list)
    seen_until: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Fresh:
    """What a look brought: when each point was written, the fields of those that have the vector, by the place at which
    an id came last, and their vectors page by page."""

    written: dict[str, int | None] = field(default_factory=dict)
    place: dict[str, int] = field(default_factory=dict)
    fields: list[tuple[int, float, float, int]] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)


class EmbeddingCache:
    """The collections that rounds were asked of. What was written since is read before each answer; what was deleted is
    noticed by the count."""

    def __init__(self, index: VectorScanner) -> None:
        self._index = index
        self._held: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Held] = {}
        self._lock = threading.Lock()

    def get(self, collection: str, vector: str, equal: Mapping[str, str]) -> Items:
        """All items of a collection with these keyword values that have this vector, as they are now. Raises
        StoreUnavailable."""
        key = (collection, vector, tuple(sorted(equal.items())))
        with self._lock:
            held = self._held.setdefault(key, _Held())
        with held.lock:  # a collection that takes a minute to read keeps no other waiting
            self._refresh(held, collection, vector, {name: [value] for name, value in equal.items()})
            assert held.items is not None
            return held.items

    def _refresh(self, held: _Held, collection: str, vector: str, any_of: dict[str, Sequence[str]]) -> None:
        started, within = int(time.time() * 1000), Filter(any_of=any_of)
        recent = within
        if held.seen_until is not None:
            recent = Filter(any_of=any_of, ranges={"indexed_at": (held.seen_until - OVERLAP_MS, None)})
        fresh = _Fresh()
        for page in self._index.scan(collection, vector, PAYLOAD, recent):
            _take(held, fresh, page)
        known = {**held.written, **fresh.written} if fresh.written else held.written
        deleted: set[str] = set()
        if self._index.count(collection, within) != len(known):
            deleted = known.keys() - set(self._index.ids(collection, within))
        # Only now: a store that fails half-way leaves what is held as it was.
        held.written = {own: at for own, at in known.items() if own not in deleted} if deleted else known
        if held.items is None or fresh.written or deleted:
            held.items = _merged(held, fresh, deleted | fresh.written.keys())
        held.seen_until = started


def _take(held: _Held, fresh: _Fresh, page: ScannedPage) -> None:
    """Notes what is new in a page."""
    new = [row for row, payload in enumerate(page.payloads) if _is_new(held, fresh, payload)]
    for row in new:
        payload = page.payloads[row]
        place = (payload.get("location") or [{}])[0]
        origin = {name: payload.get(name) for name in ORIGIN}
        code = held.codes.setdefault(repr(origin), len(held.distinct))
        if code == len(held.distinct):
            held.distinct.append(origin)
        fresh.place[str(payload["id"])] = len(fresh.fields)
        longitude, latitude = place.get("lon", np.nan), place.get("lat", np.nan)
        fresh.fields.append((payload.get("event_time") or 0, longitude, latitude, code))
    if new:
        fresh.vectors.append(page.vectors[new])
    for payload in page.without:
        if _is_new(held, fresh, payload):
            fresh.place.pop(str(payload["id"]), None)


def _is_new(held: _Held, fresh: _Fresh, payload: Document) -> bool:
    own, written = str(payload["id"]), payload.get("indexed_at")
    known = fresh.written if own in fresh.written else held.written
    if own in known and known[own] == written:
        return False
    fresh.written[own] = written
    return True


def _merged(held: _Held, fresh: _Fresh, gone: set[str]) -> Items:
    """The items that stay (all but those `gone`) and the fresh ones, by id."""
    old = held.items
    stay = [row for row, own in enumerate(old.ids) if own not in gone] if old is not None else []
    new = [own for own in fresh.place if own in held.written]
    come = [fresh.place[own] for own in new]
    ids = [*(old.ids[row] for row in stay if old is not None), *new]
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    to = np.empty(len(ids), dtype=np.int64)
    to[order] = np.arange(len(ids))
    blocks: list[NDArray[np.float32]] = [old.vectors] if old is not None and stay else fresh.vectors
    vectors = np.empty((len(ids), blocks[0].shape[1] if blocks else 0), dtype=np.float32)
    columns = np.empty((4, len(ids)), dtype=np.float64)
    if old is not None and stay:
        vectors[to[: len(stay)]] = old.vectors if len(stay) == len(old) else old.vectors[stay]
        was = (old.times, old.longitudes, old.latitudes, old.origins)
        columns[:, to[: len(stay)]] = [column[stay] for column in was]
    _fill(vectors, fresh.vectors, np.array(come, dtype=np.int64), to[len(stay) :])
    if come:
        columns[:, to[len(stay) :]] = np.array([fresh.fields[place] for place in come], dtype=np.float64).T
    ids = [ids[row] for row in order]
    return Items(
        ids,
        {own: row for row, own in enumerate(ids)},
        vectors,
        columns[0].astype(np.int64),
        columns[1],
        columns[2],
        columns[3].astype(np.int64),
        held.distinct,
    )


def _fill(vectors: NDArray[np.float32], pages: list[NDArray[np.float32]], come: Rows, to: Rows) -> None:
    """Puts the pages' rows `come` (counted through all pages) where they belong; each page is let go at once."""
    first = 0
    while pages:
        page = pages.pop(0)
        inside = (come >= first) & (come < first + len(page))
        vectors[to[inside]] = page[come[inside] - first]
        first += len(page)
