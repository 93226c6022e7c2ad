"""All vectors of a collection in memory, kept fresh: active learning scores the whole collection again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.clock import now_ms
from stormpetrel.core.ports import Document, Filter, ScannedPage, VectorScanner
from stormpetrel.learning.training.examples import Float32, Rows

GROUP_FIELDS = ("scene_id", "products", "sensors", "language", "source")  # of which many items have the same values
PAYLOAD = ("id", "event_time", "indexed_at", "location", *GROUP_FIELDS)
OVERLAP_MS = 5000  # what was written while the last refresh was under way is read again
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Items:
    """A collection as it stood, by id: row by row the same item. `times` are ms since 1970, places degrees (NaN: none).
    `group_codes` are rows of `groups`: scene, products and sensors of patches, language and source of posts."""

    ids: list[str]
    vectors: Float32
    times: Rows
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    group_codes: Rows
    groups: Sequence[Document]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each id."""
        return {item_id: row for row, item_id in enumerate(self.ids)}

    def only(self, mask: Mask) -> Items:
        """The items of a mask."""
        rows = np.flatnonzero(mask)
        columns = ("vectors", "times", "longitudes", "latitudes", "group_codes")
        return replace(self, ids=[self.ids[row] for row in rows], **{name: vars(self)[name][rows] for name in columns})

    def in_groups(self, predicate: Callable[[Document], bool]) -> Mask:
        """The items whose group meets a predicate, which is called once a group."""
        return np.array([predicate(group) for group in self.groups], dtype=bool)[self.group_codes]


@dataclass
class _CachedCollection:
    """A collection's items, and when each of its points was written (`written_ms`), with or without the vector."""

    items: Items | None = None
    written_ms: dict[str, int | None] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    groups: list[Document] = field(default_factory=list)
    read_until_ms: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Changes:
    """What a refresh has read: when each new point was written, the fields of those that have the vector, where an
    id's newest fields stand, and the vectors page by page."""

    written_ms: dict[str, int | None] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    fields: list[tuple[int, float, float, int]] = field(default_factory=list)
    pages: list[Float32] = field(default_factory=list)


class EmbeddingCache:
    """The collections that were asked for. Each answer first reads what was written since; what was deleted shows in
    the count."""

    def __init__(self, index: VectorScanner) -> None:
        self._index = index
        self._collections: dict[tuple[str, str, tuple[tuple[str, str], ...]], _CachedCollection] = {}
        self._lock = threading.Lock()

    def get(self, collection: str, vector: str, equal: Mapping[str, str]) -> Items:
        """All items of a collection with these keyword values that have this vector, as they are now. Raises
        StoreUnavailable."""
        key = (collection, vector, tuple(sorted(equal.items())))
        with self._lock:
            cached = self._collections.setdefault(key, _CachedCollection())
        with cached.lock:  # a collection that takes a minute to read does not block the others
            within = Filter(any_of={name: [value] for name, value in equal.items()})
            return self._refresh(cached, collection, vector, within)

    def ids(self, collection: str, within: Filter) -> Iterable[str]:
        """The ids of all that a filter lets through, as the index has them now. Raises StoreUnavailable."""
        return self._index.ids(collection, within)

    def _refresh(self, cached: _CachedCollection, collection: str, vector: str, within: Filter) -> Items:
        started_ms, recent = now_ms(), within
        if cached.read_until_ms is not None:
            recent = replace(within, ranges={"indexed_at": (cached.read_until_ms - OVERLAP_MS, None)})
        changes = _Changes()
        for page in self._index.scan(collection, vector, PAYLOAD, recent):
            _read_page(cached, changes, page)
        written_ms = {**cached.written_ms, **changes.written_ms} if changes.written_ms else cached.written_ms
        deleted: set[str] = set()
        if self._index.count(collection, within) != len(written_ms):
            deleted = written_ms.keys() - set(self._index.ids(collection, within))
        # Only now: a store that fails half-way leaves the cache as it was.
        cached.written_ms = {key: at for key, at in written_ms.items() if key not in deleted} if deleted else written_ms
        if cached.items is None or changes.written_ms or deleted:
            cached.items = _merge(cached, changes, deleted | changes.written_ms.keys())
        cached.read_until_ms = started_ms
        return cached.items


def _read_page(cached: _CachedCollection, changes: _Changes, page: ScannedPage) -> None:
    """Notes what is new in a page."""
    new_rows = [row for row, payload in enumerate(page.payloads) if _is_new(cached, changes, payload)]
    for row in new_rows:
        payload = page.payloads[row]
        place = (payload.get("location") or [{}])[0]
        group = {name: payload.get(name) for name in GROUP_FIELDS}
        code = cached.codes.setdefault(repr(group), len(cached.groups))
        if code == len(cached.groups):
            cached.groups.append(group)
        changes.positions[str(payload["id"])] = len(changes.fields)
        longitude, latitude = place.get("lon", np.nan), place.get("lat", np.nan)
        changes.fields.append((payload.get("event_time") or 0, longitude, latitude, code))
    if new_rows:
        changes.pages.append(page.vectors[new_rows])
    for payload in page.without:
        if _is_new(cached, changes, payload):
            changes.positions.pop(str(payload["id"]), None)


def _is_new(cached: _CachedCollection, changes: _Changes, payload: Document) -> bool:
    item_id, written_ms = str(payload["id"]), payload.get("indexed_at")
    last_written = changes.written_ms if item_id in changes.written_ms else cached.written_ms
    if item_id in last_written and last_written[item_id] == written_ms:
        return False
    changes.written_ms[item_id] = written_ms
    return True


def _merge(cached: _CachedCollection, changes: _Changes, replaced: set[str]) -> Items:
    """The items that stay (all but those `replaced`) and the new ones, by id."""
    old = cached.items
    kept = [row for row, item_id in enumerate(old.ids) if item_id not in replaced] if old is not None else []
    new = [item_id for item_id in changes.positions if item_id in cached.written_ms]
    positions = [changes.positions[item_id] for item_id in new]
    ids = [*(old.ids[row] for row in kept if old is not None), *new]
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    targets = np.empty(len(ids), dtype=np.int64)
    targets[order] = np.arange(len(ids))
    blocks: list[Float32] = [old.vectors] if old is not None and kept else changes.pages
    vectors = np.empty((len(ids), blocks[0].shape[1] if blocks else 0), dtype=np.float32)
    columns = np.empty((4, len(ids)), dtype=np.float64)
    if old is not None and kept:
        vectors[targets[: len(kept)]] = old.vectors if len(kept) == len(old) else old.vectors[kept]
        old_columns = (old.times, old.longitudes, old.latitudes, old.group_codes)
        columns[:, targets[: len(kept)]] = [column[kept] for column in old_columns]
    _fill(vectors, changes.pages, np.array(positions, dtype=np.int64), targets[len(kept) :])
    if positions:
        new_fields = [changes.fields[position] for position in positions]
        columns[:, targets[len(kept) :]] = np.array(new_fields, dtype=np.float64).T
    ids = [ids[row] for row in order]
    times, longitudes, latitudes, codes = columns
    return Items(ids, vectors, times.astype(np.int64), longitudes, latitudes, codes.astype(np.int64), cached.groups)


def _fill(vectors: Float32, pages: list[Float32], positions: Rows, targets: Rows) -> None:
    """Puts the pages' rows `positions` (counted through all pages) where they belong, and frees each page at once."""
    first = 0
    while pages:
        page = pages.pop(0)
        inside = (positions >= first) & (positions < first + len(page))
        vectors[targets[inside]] = page[positions[inside] - first]
        first += len(page)
