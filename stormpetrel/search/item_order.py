"""Patches, scenes and products in the order in which they were sensed, from any place in it on, none twice or left out.

All patches of a scene have one time. So a place in the order is a time and an id, and all items of a time are taken
together: what lies between two pages then never depends on how a store orders equal times.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from stormpetrel.core.ports import Document, DocumentReader, Filter, OrderQuery, VectorReader

MOST_OF_ONE_TIME = 1_000_000  # all: a pass of a satellite has some hundred products


class Position(NamedTuple):
    """A place in the order: milliseconds since 1970, and what decides between equal times."""

    time: int
    collection: str
    id: str


@dataclass(frozen=True)
class Entry:
    """An item's place, and its document where its source has it."""

    position: Position
    document: Document | None = None


class OrderedItems(Protocol):
    """One collection by time."""

    def beyond(self, time: int | None, limit: int, ascending: bool) -> list[Entry]:
        """The first entries later (earlier, unless ascending) than a time, those of one time in any order."""

    def at(self, time: int) -> list[Entry]:
        """All entries of one time, in any order."""


@dataclass(frozen=True)
class OrderedDocuments:
    """Scenes or products, as the document store has them."""

    documents: DocumentReader
    collection: str

    def beyond(self, time: int | None, limit: int, ascending: bool) -> list[Entry]:
        if ascending:
            return self._entries(self.documents.oldest(self.collection, "time", limit, after=time))
        return self._entries(self.documents.newest(self.collection, "time", limit, before=time))

    def at(self, time: int) -> list[Entry]:
        return self._entries(self.documents.newest(self.collection, "time", MOST_OF_ONE_TIME, {"time": time}))

    def _entries(self, documents: Sequence[Document]) -> list[Entry]:
        return [Entry(Position(each["time"], self.collection, each["_id"]), each) for each in documents]


class OrderedIndex(VectorReader, Protocol):
    """The vector index in order, and all that a filter lets through."""

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        """The entity ids of all points, or of those that a filter lets through."""


@dataclass(frozen=True)
class OrderedPatches:
    """Patches that a filter of the vector index lets through; their documents are read elsewhere."""

    index: OrderedIndex
    points: str
    within: Filter
    collection: str = "patches"

    def beyond(self, time: int | None, limit: int, ascending: bool) -> list[Entry]:
        start = None if time is None else time + (1 if ascending else -1)
        direction: Literal["asc", "desc"] = "asc" if ascending else "desc"
        query = OrderQuery("event_time", direction, start, self.within, limit, ("id", "event_time"))
        (hits,) = self.index.query(self.points, [query])
        return [self._entry(int(hit.payload["event_time"]), str(hit.payload["id"])) for hit in hits]

    def at(self, time: int) -> list[Entry]:
        moment = Filter(ranges={"event_time": (time, time)}, every=[self.within])
        return [self._entry(time, patch_id) for patch_id in self.index.ids(self.points, moment)]

    def _entry(self, time: int, patch_id: str) -> Entry:
        return Entry(Position(time, self.collection, patch_id))


def in_order(
    sources: Sequence[OrderedItems], after: Position | None, start: int | None, ascending: bool, page: int
) -> Iterator[Entry]:
    """All entries of the sources, read some `page` at a time: by time, equal times by collection and id. They begin
    after a place, or at a time, or at the first."""
    streams = [_stream(source, after, start, ascending, page) for source in sources]
    return heapq.merge(*streams, key=lambda entry: _rank(entry.position, ascending))


def _rank(position: Position, ascending: bool) -> tuple[int, str, str]:
    return (position.time if ascending else -position.time, position.collection, position.id)


def _stream(
    source: OrderedItems, after: Position | None, start: int | None, ascending: bool, page: int
) -> Iterator[Entry]:
    beyond = after.time if after else None
    if after is not None:
        rest = [entry for entry in source.at(after.time) if entry.position[1:] > after[1:]]
        yield from sorted(rest, key=lambda entry: entry.position)
    elif start is not None:
        beyond = start - 1 if ascending else start + 1
    while True:
        entries = source.beyond(beyond, page, ascending)
        is_last = len(entries) < page
        # The time that a full page ends with may go on beyond it.
        open_time = None if is_last else entries[-1].position.time
        whole = [entry for entry in entries if entry.position.time != open_time]
        yield from sorted(whole, key=lambda entry: _rank(entry.position, ascending))
        if open_time is None:
            return
        yield from sorted(source.at(open_time), key=lambda entry: entry.position)
        beyond = open_time
