"""A vector index inside the test, with the filters, orders and counts of a real one; it orders ties as it likes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon, points

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import Document, Filter, IndexQuery, NearestQuery, OrderQuery, Point, ScannedPage, Scored


class MemoryIndex:
    """A VectorReader, VectorWriter and VectorScanner over the points of each collection; while `available` is False it
    does not answer. `asked` are the queries so far."""

    def __init__(self, **collections: Sequence[Point]) -> None:
        self.collections = {name: {point.id: point for point in points} for name, points in collections.items()}
        self.asked: list[IndexQuery] = []
        self.available = True
        self.payload_writes = 0  # points

    def ping(self) -> None:
        if not self.available:
            raise StoreUnavailable("the vector index does not answer")

    def close(self) -> None:
        pass

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        self.ping()
        self.collections.setdefault(collection, {}).update({point.id: point for point in points})

    def set_vectors(self, collection: str, points: Sequence[Point]) -> None:
        self.ping()
        there = self.collections.setdefault(collection, {})
        for point in points:
            if before := there.get(point.id):
                there[point.id] = replace(
                    before, dense={**before.dense, **point.dense}, sparse={**before.sparse, **point.sparse}
                )

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for entity_id in ids:
            self.collections.setdefault(collection, {}).pop(entity_id, None)

    def payloads(self, collection: str) -> Iterable[Document]:
        return [{"id": point.id, **point.payload} for point in self.collections.get(collection, {}).values()]

    def set_payload(self, collection: str, ids: Sequence[str], fields: Document) -> None:
        self.ping()
        self.payload_writes += len(ids)
        points = self.collections[collection]
        for each in filter(points.__contains__, ids):
            points[each] = replace(points[each], payload={**points[each].payload, **fields})

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        self.asked += queries
        self.collections.setdefault(collection, {})
        return [self._answer(self._inside(collection, query.filter), query) for query in queries]

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        points = self.collections[collection]
        return {item: {n: v for n, v in points[item].dense.items() if n in names} for item in ids if item in points}

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        counts = Counter(point.payload.get(field) for point in self.collections[collection].values())
        return {value: counts[value] for value in values if counts[value]}

    def counts_of(self, collection: str, field: str, within: Filter, limit: int) -> dict[str, int]:
        values = (point.payload.get(field) for point in self._inside(collection, within))
        each = (one for value in values for one in (value if isinstance(value, list) else [value]) if one is not None)
        return dict(Counter(each).most_common(limit))

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterable[ScannedPage]:
        points = self._inside(collection, within)
        payloads = {
            point.id: {"id": point.id} | {key: value for key, value in point.payload.items() if key in payload}
            for point in points
        }
        with_vector = [point for point in points if vector in point.dense]
        vectors = np.array([point.dense[vector] for point in with_vector], dtype=np.float32)
        without = [payloads[point.id] for point in points if vector not in point.dense]
        yield ScannedPage([payloads[point.id] for point in with_vector], vectors, without)

    def count(self, collection: str, within: Filter | None = None) -> int:
        return len(self._inside(collection, within or Filter()))

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        return [point.id for point in self._inside(collection, within or Filter())]

    def _inside(self, collection: str, within: Filter) -> list[Point]:
        self.ping()
        points = self.collections[collection].values()
        return [point for point in points if _meets({"id": point.id, **point.payload}, within)]

    @staticmethod
    def _answer(points: Sequence[Point], query: IndexQuery) -> list[Scored]:
        if isinstance(query, OrderQuery):
            sign = 1 if query.direction == "asc" else -1
            values = [(sign * point.payload[query.key], point) for point in points if query.key in point.payload]
            kept = [pair for pair in values if query.start is None or pair[0] >= sign * query.start]
            scored = [(point, 0.0) for _, point in sorted(kept, key=lambda pair: pair[0])]
        else:
            scores = [(point, _similarity(point, query)) for point in points]
            least = -np.inf if query.at_least is None else query.at_least
            scored = sorted([(p, s) for p, s in scores if s is not None and s >= least], key=lambda pair: -pair[1])
        return [
            Scored({"id": point.id} | {k: v for k, v in point.payload.items() if k in query.payload}, score)
            for point, score in scored[: query.limit]
        ]


def _similarity(point: Point, query: NearestQuery) -> Any:
    if query.dense is not None:
        vector = point.dense.get(query.using)
        if vector is None:
            return None
        return float(vector @ query.dense / (np.linalg.norm(vector) * np.linalg.norm(query.dense)))
    weights = dict(zip(*point.sparse.get(query.using, ((), ())), strict=True))
    shared = [weights[term] * value for term, value in zip(*(query.sparse or ((), ())), strict=True) if term in weights]
    return sum(shared) if shared else None


def _meets(payload: Document, within: Filter) -> bool:
    def values(field: str) -> set[Any]:
        value = payload.get(field)
        return set(value) if isinstance(value, list) else {value}

    places = [(place["lon"], place["lat"]) for place in payload.get(within.place_field) or []]
    return (
        all(values(field) & set(wanted) for field, wanted in within.any_of.items())
        and not any(values(field) & set(unwanted) for field, unwanted in within.none_of.items())
        and all(_in_range(payload.get(field), limits) for field, limits in within.ranges.items())
        and all(any(_in_box(place, box) for place in places) for box in within.boxes)
        and all(any(distance_km(*circle[:2], *place) <= circle[2] for place in places) for circle in within.circles)
        and (within.polygon is None or any(Polygon(within.polygon).covers(points(*place)) for place in places))
        and all(_meets(payload, part) for part in within.every)
        and (not within.either or any(_meets(payload, part) for part in within.either))
        and not any(_meets(payload, part) for part in within.neither)
    )


def _in_range(value: Any, limits: tuple[float | None, float | None]) -> bool:
    low, high = limits
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _in_box(place: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    longitude, latitude = place
    between = west <= longitude <= east if west <= east else longitude >= west or longitude <= east
    return between and south <= latitude <= north
