"""A vector index inside the test, brute force: what the domain asks of Qdrant, without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import bson
import numpy as np
import orjson
from numpy.typing import NDArray
from shapely import Polygon, points

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import Document, Filter, IndexQuery, NearestQuery, Point, ScannedPage, Scored
from tests.unit.memory_stores import MemoryDocuments


class PagedDocuments(MemoryDocuments):
    """The document store, with pages; as on the real one, what BSON cannot hold is an error."""

    def newest(
        self, collection: str, field: str, limit: int, equal: Any = None, before: int | None = None
    ) -> list[Document]:
        self._check()
        bson.encode({"before": before, **(equal or {})})
        found = [
            document
            for document in self.collections.get(collection, {}).values()
            if all(document.get(name) == value for name, value in (equal or {}).items())
            and (before is None or document[field] < before)
        ]
        return sorted(found, key=lambda document: document[field], reverse=True)[:limit]

    def ping(self) -> None:
        self._check()

    def close(self) -> None:
        pass


class MemoryIndex:
    """A VectorReader, VectorWriter and VectorScanner; while `available` is False it does not answer."""

    def __init__(self) -> None:
        self.available = True
        self.collections: dict[str, dict[str, Point]] = {}

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        self.collections.setdefault(collection, {}).update({point.id: point for point in points})

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for entity_id in ids:
            self.collections.get(collection, {}).pop(entity_id, None)

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return [self._answer(collection, query) for query in queries]

    def _answer(self, collection: str, query: IndexQuery) -> list[Scored]:
        # As on the wire: what no JSON or index can hold is an error here too.
        orjson.dumps(vars(query), default=lambda part: part.tolist() if isinstance(part, np.ndarray) else vars(part))
        found = list(self._within(collection, query.filter))
        if isinstance(query, NearestQuery):
            scores = [(similarity(point, query), point) for point in found]
            scored = sorted(((s, p) for s, p in scores if s is not None), key=lambda pair: -pair[0])
        else:
            moments = [(int(point.payload.get(query.key, 0)), point) for point in found]
            rising = query.direction == "asc"
            start = query.start
            kept = [(m, p) for m, p in moments if start is None or (m >= start if rising else m <= start)]
            scored = sorted(kept, key=lambda pair: pair[0] if rising else -pair[0])
        return [
            Scored({"id": point.id, **{name: point.payload.get(name) for name in query.payload if name != "id"}}, score)
            for score, point in scored[: query.limit]
        ]

    def _within(self, collection: str, within: Filter | None) -> Iterator[Point]:
        if not self.available:
            raise StoreUnavailable("the vector index does not answer")
        for point in self.collections.get(collection, {}).values():
            if within is None or passes(point, within):
                yield point

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        stored = {point.id: point for point in self._within(collection, None)}
        return {
            entity_id: {name: values for name, values in stored[entity_id].dense.items() if name in names}
            for entity_id in ids
            if entity_id in stored
        }

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        held = [point.payload.get(field) for point in self._within(collection, None)]
        return {value: held.count(value) for value in values if value in held}

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterable[ScannedPage]:
        found = list(self._within(collection, within))
        with_vector = [point for point in found if vector in point.dense]
        payloads = [{"id": p.id, **{n: p.payload.get(n) for n in payload if n != "id"}} for p in with_vector]
        without = [{"id": p.id, **p.payload} for p in found if vector not in p.dense]
        vectors = np.asarray([point.dense[vector] for point in with_vector], dtype=np.float32)
        yield ScannedPage(payloads, vectors, without)

    def count(self, collection: str, within: Filter | None = None) -> int:
        return len(list(self._within(collection, within)))

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        return [point.id for point in self._within(collection, within)]

    def ping(self) -> None:
        if not self.available:
            raise StoreUnavailable("the vector index does not answer")

    def close(self) -> None:
        pass


def similarity(point: Point, query: NearestQuery) -> float | None:
    """The cosine, or the product of sparse vectors; None where the point has no such vector, or shares no term."""
    if query.dense is not None:
        held = point.dense.get(query.using)
        return None if held is None else float(held @ query.dense)
    weights = dict(zip(*(query.sparse or ((), ())), strict=True))
    shared = [
        weight * weights[term]
        for term, weight in zip(*point.sparse.get(query.using, ((), ())), strict=True)
        if term in weights
    ]
    return sum(shared) if shared else None


def passes(point: Point, within: Filter) -> bool:
    """Whether a point meets all parts of a filter."""

    def holds(field: str, values: Sequence[str]) -> bool:
        held = point.payload.get(field)
        return bool({*values} & ({*held} if isinstance(held, list) else {held}))

    places = [(place["lon"], place["lat"]) for place in point.payload.get("location", [])]
    return (
        all(holds(field, values) for field, values in within.any_of.items())
        and not any(holds(field, values) for field, values in within.none_of.items())
        and all(
            (low is None or point.payload.get(field, 0) >= low)
            and (high is None or point.payload.get(field, 0) <= high)
            for field, (low, high) in within.ranges.items()
        )
        and all(any(in_box(place, box) for place in places) for box in within.boxes)
        and (within.polygon is None or any(Polygon(within.polygon).covers(points(*place)) for place in places))
        and (within.circle is None or any(in_circle(place, within.circle) for place in places))
    )


def in_range(value: float, span: tuple[float | None, float | None]) -> bool:
    low, high = span
    return (low is None or value >= low) and (high is None or value <= high)


def in_box(place: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    inside = west <= place[0] <= east if west <= east else place[0] >= west or place[0] <= east
    return inside and south <= place[1] <= north


def in_circle(place: tuple[float, float], circle: tuple[float, float, float]) -> bool:
    return float(distance_km(*place, [circle[0]], [circle[1]])[0]) <= circle[2]
