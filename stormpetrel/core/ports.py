"""What the domain and the entry points need from outside. The adapters are in `stores/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import Event
from stormpetrel.core.topics import Topic

Document = dict[str, Any]


class DocumentReader(Protocol):
    """Documents by their own string `_id`. Narrow on purpose: what every server behind it does rightly."""

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """The documents that exist among `ids`, by id. Raises StoreUnavailable."""

    def newest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, before: int | None = None
    ) -> list[Document]:
        """The documents with the largest values of an integer field, falling; `equal` are values of flat fields,
        `before` is where the last page ended."""

    def oldest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, after: int | None = None
    ) -> list[Document]:
        """The same with the smallest values, rising; `after` is where the last page ended."""

    def count(self, collection: str) -> int:
        """How many documents there are."""

    def ids(self, collection: str) -> Iterable[str]:
        """All ids."""


class DocumentWriter(Protocol):
    """Idempotent writes by `_id`."""

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        """Writes each document under its `_id`, in place of what stood there. Raises StoreUnavailable, or StoreRefused
        with the ids of documents that the store does not take; others of the call may be written then."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Removes documents; unknown ids are no error."""


class DocumentStore(DocumentReader, DocumentWriter, Protocol):
    """Both halves: what projections and cursors need."""


class DocumentScanner(Protocol):
    """Whole collections of documents: what a search for one person's data needs."""

    def collection_names(self) -> list[str]:
        """Of all collections. Raises StoreUnavailable."""

    def scan(self, collection: str) -> Iterable[Document]:
        """Every document, in no order. Raises StoreUnavailable."""


class SearchableDocuments(DocumentStore, DocumentScanner, Protocol):
    """Documents that are read, written and looked through."""


@dataclass(frozen=True)
class Point:
    """One entity in the vector index: named dense vectors, sparse vectors and a payload to filter by."""

    id: str
    payload: Document
    dense: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    sparse: dict[str, tuple[Sequence[int], Sequence[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Filter:
    """All parts must hold. Ranges are inclusive; a box is (west, south, east, north) in degrees, `polygon`
    a closed ring of (longitude, latitude), a circle (longitude, latitude, kilometres). Of a point with several places
    one of those in `place_field` must lie inside. Filters nest: all of `every` hold, one of `either` (where there are
    any), and none of `neither`."""

    any_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    none_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    boxes: Sequence[tuple[float, float, float, float]] = ()
    polygon: Sequence[tuple[float, float]] | None = None
    circles: Sequence[tuple[float, float, float]] = ()
    place_field: Literal["location", "towns"] = "location"
    every: Sequence[Filter] = ()
    either: Sequence[Filter] = ()
    neither: Sequence[Filter] = ()


@dataclass(frozen=True)
class NearestQuery:
    """The points closest to a dense vector, or that share most with a sparse one. `at_least` is the least score of a
    hit: then no point that reaches it is missed, which the faster search of a graph does not promise."""

    using: str
    dense: NDArray[np.float32] | None = None
    sparse: tuple[Sequence[int], Sequence[float]] | None = None
    filter: Filter = Filter()
    limit: int = 100
    payload: Sequence[str] = ("id",)
    at_least: float | None = None


@dataclass(frozen=True)
class OrderQuery:
    """The points by an integer payload field, from `start` on, upwards or downwards."""

    key: str
    direction: Literal["asc", "desc"]
    start: int | None = None
    filter: Filter = Filter()
    limit: int = 100
    payload: Sequence[str] = ("id",)


IndexQuery = NearestQuery | OrderQuery


class Scored(NamedTuple):
    """A point that a query found: its payload, and the score where the query has one."""

    payload: Document
    score: float


@dataclass(frozen=True)
class ScannedPage:
    """A page of points: the payloads and vectors (n, dimensions) of those that have the vector asked for, row by row;
    and the payloads of those that have none."""

    payloads: list[Document]
    vectors: NDArray[np.float32]
    without: list[Document]


class VectorReader(Protocol):
    """Ranked and filtered lists from points with named vectors: what searches need."""

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        """One list a query, in one round trip. Raises StoreUnavailable."""

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        """The dense vectors of these names that the entities among `ids` have, by id; unknown ones are left out."""

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        """How many points have each of these values in a keyword field; values without any are left out."""


class VectorWriter(Protocol):
    """Idempotent writes of points: what projections need."""

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Writes the points in place of what stood there; when it returns they are found. Raises StoreUnavailable, or
        StoreRefused, with the ids where they are known; others of the call may be written then."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Removes points by entity id; unknown ids are no error."""

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        """The entity ids of all points, or of those that a filter lets through."""


class NamedVectorWriter(VectorWriter, Protocol):
    """Changes single vectors of points: what comes after the rest of its item needs."""

    def set_vectors(self, collection: str, points: Sequence[Point]) -> None:
        """Writes the vectors that these points have, and leaves all others and the payload; unknown ids are no error:
        they stay unknown. Raises StoreUnavailable or StoreRefused."""


class PayloadWriter(Protocol):
    """Changes what points are filtered by, and leaves their vectors: what judging by models needs."""

    def set_payload(self, collection: str, ids: Sequence[str], fields: Document) -> None:
        """Writes these payload fields of the points by entity id, and leaves all others; unknown ids are no error."""


class VectorScanner(Protocol):
    """Whole collections: what the embedding cache and the verification need."""

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterable[ScannedPage]:
        """Every point that a filter lets through, page by page, in no order: payload fields and one dense vector."""

    def count(self, collection: str, within: Filter | None = None) -> int:
        """How many points there are, or how many a filter lets through."""

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        """The entity ids of all points, or of those that a filter lets through."""


class PayloadCounter(Protocol):
    """Counts points by what they are filtered by: what a map of many posts needs."""

    def counts_of(self, collection: str, field: str, within: Filter, limit: int) -> dict[str, int]:
        """How many of the points that a filter lets through have each value of a keyword field: the `limit` most
        frequent values. Raises StoreUnavailable."""


class PayloadScanner(Protocol):
    """Looks through all that points are filtered by."""

    def payloads(self, collection: str) -> Iterable[Document]:
        """The payload of every point, in no order. Raises StoreUnavailable."""


class SearchableVectors(NamedVectorWriter, PayloadWriter, PayloadScanner, Protocol):
    """Points that are deleted, rewritten and looked through."""


PhotoSize = Literal["full", "thumbnail"]


class PhotoStore(Protocol):
    """Photos by the hash of their file. Each stays as long as a post has it. All methods raise StoreUnavailable."""

    def put(self, post_id: str, photo_hash: str, jpeg: bytes, thumbnail: bytes) -> None:
        """Keeps a photo of a post; one that is there stays as it is. Safe to repeat."""

    def get(self, photo_hash: str, size: PhotoSize) -> bytes | None:
        """The JPEG; None where no post has such a photo."""

    def hashes_of(self, post_id: str) -> list[str]:
        """The hashes of a post's photos."""

    def forget(self, post_id: str) -> list[str]:
        """Removes a post's photos, but for those that another post has too: the hashes of what the post had."""


class EventProducer(Protocol):
    """Writes events to the log. What is published is safe only after `flush`."""

    def publish(self, topic: Topic, key: str, event: Event, trace: str | None = None, gate: str | None = None) -> None:
        """Queues an event; waits only where the queue is full. `gate` names the gate that let it through, if any."""

    def dead_letter(self, topic: Topic, raw: bytes, reason: str, stage: str, provenance: str) -> None:
        """Queues the raw bytes of what is no event of `topic`, with the reason, for the topic's dead letters.

        `provenance` says where the bytes came from: a file and line, or an address.
        """

    def flush(self, timeout_s: float = 60.0) -> None:
        """Returns when the broker holds everything that was queued. Raises StoreUnavailable otherwise."""
