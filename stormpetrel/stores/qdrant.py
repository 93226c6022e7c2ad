"""The vector index: Qdrant, or the local stack's engine behind the same REST interface.

A collection is named by what its vectors are made with, so that another model's vectors never meet ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from stormpetrel.errors import StoreUnavailable
from stormpetrel.events import point_id
from stormpetrel.ports import Filter, NearestQuery, Point, Query, Scored

SCROLL_PAGE = 2000
ID = "id"  # the payload field that holds the entity's own id
KEYWORDS = ("source", "language", "kind", "copy_of", "cells_7", "cells_5", "cells_3")
INTEGERS = ("event_time", "ingested_at")
POINTS = ("location",)


@dataclass(frozen=True)
class Collection:
    """A collection's vectors: dense ones with their dimensions (cosine, stored as float16: half the memory, and the
    topics keep float32), sparse ones with IDF."""

    name: str
    dense: dict[str, int]
    sparse: tuple[str, ...]


def posts_collection(prefix: str, model: str, dimensions: int) -> Collection:
    """The posts' collection for a text model.

    >>> posts_collection("", "all-MiniLM-L6-v2", 384).name
    'posts-all-minilm-l6-v2-384'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    return Collection(f"{prefix}posts-{slug}-{dimensions}", {"text": dimensions}, ("lexical",))


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (ApiException, OSError, ValueError) as error:
        raise StoreUnavailable(f"Qdrant: {what}: {error}") from error


def _condition(given: Filter) -> models.Filter | None:
    must: list[Any] = [
        models.FieldCondition(key=key, match=models.MatchAny(any=list(values))) for key, values in given.any_of.items()
    ]
    must += [
        models.FieldCondition(key=key, range=models.Range(gte=low, lte=high))
        for key, (low, high) in given.ranges.items()
    ]
    for west, south, east, north in given.boxes:
        box = models.GeoBoundingBox(
            top_left=models.GeoPoint(lon=west, lat=north), bottom_right=models.GeoPoint(lon=east, lat=south)
        )
        must.append(models.FieldCondition(key="location", geo_bounding_box=box))
    if given.polygon:
        ring = models.GeoLineString(points=[models.GeoPoint(lon=lon, lat=lat) for lon, lat in given.polygon])
        must.append(models.FieldCondition(key="location", geo_polygon=models.GeoPolygon(exterior=ring)))
    if given.circle:
        lon, lat, km = given.circle
        circle = models.GeoRadius(center=models.GeoPoint(lon=lon, lat=lat), radius=km * 1000)
        must.append(models.FieldCondition(key="location", geo_radius=circle))
    must_not: list[Any] = [
        models.FieldCondition(key=key, match=models.MatchAny(any=list(values))) for key, values in given.none_of.items()
    ]
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _request(query: Query) -> models.QueryRequest:
    if isinstance(query, NearestQuery):
        if query.dense is not None:
            vector: Any = query.dense.tolist()
        else:
            indices, values = query.sparse or ((), ())
            vector = models.SparseVector(indices=list(indices), values=list(values))
        return models.QueryRequest(
            query=models.NearestQuery(nearest=vector), using=query.using, filter=_condition(query.filter),
            limit=query.limit, with_payload=list(query.payload),
        )  # fmt: skip
    order = models.OrderBy(key=query.key, direction=models.Direction(query.direction), start_from=query.start)
    return models.QueryRequest(
        query=models.OrderByQuery(order_by=order), filter=_condition(query.filter), limit=query.limit,
        with_payload=list(query.payload),
    )  # fmt: skip


class QdrantIndex:
    """A VectorIndex on a Qdrant server."""

    def __init__(self, url: str, api_key: str | None = None, timeout_s: float = 30) -> None:
        self._client = QdrantClient(
            url=url, api_key=api_key, timeout=int(timeout_s), prefer_grpc=False, check_compatibility=False
        )

    def migrate(self, collection: Collection) -> None:
        """Creates the collection and its payload indexes where they are missing; safe to repeat."""
        with _told(f"creating {collection.name}"):
            if not self._client.collection_exists(collection.name):
                self._client.create_collection(
                    collection.name,
                    vectors_config={
                        name: models.VectorParams(
                            size=size, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16
                        )
                        for name, size in collection.dense.items()
                    },
                    sparse_vectors_config={
                        name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in collection.sparse
                    },
                )
            for fields, schema in (
                (KEYWORDS, models.PayloadSchemaType.KEYWORD),
                (INTEGERS, models.PayloadSchemaType.INTEGER),
                (POINTS, models.PayloadSchemaType.GEO),
            ):
                for name in fields:
                    self._client.create_payload_index(collection.name, name, schema, wait=True)

    def ping(self) -> None:
        with _told("listing collections"):
            self._client.get_collections()

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        if not points:
            return
        rows = []
        for point in {point.id: point for point in points}.values():
            vectors: dict[str, Any] = {name: values.tolist() for name, values in point.dense.items()}
            for name, (indices, values) in point.sparse.items():
                vectors[name] = models.SparseVector(indices=list(indices), values=list(values))
            rows.append(
                models.PointStruct(id=point_id(point.id), vector=vectors, payload={ID: point.id, **point.payload})
            )
        with _told(f"writing {len(rows)} points"):
            self._client.upsert(collection, rows, wait=True)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        if ids:
            with _told("deleting points"):
                self._client.delete(collection, [point_id(entity) for entity in ids], wait=True)

    def query(self, collection: str, queries: Sequence[Query]) -> list[list[Scored]]:
        if not queries:
            return []
        with _told("searching"):
            answers = self._client.query_batch_points(collection, [_request(query) for query in queries])
        return [[Scored(hit.payload or {}, hit.score) for hit in answer.points] for answer in answers]

    def vectors(self, collection: str, entity_id: str, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        with _told(f"reading {entity_id}"):
            found = self._client.retrieve(
                collection, [point_id(entity_id)], with_payload=False, with_vectors=list(names)
            )
        held: Any = found[0].vector if found and isinstance(found[0].vector, dict) else {}
        return {name: np.asarray(held[name], dtype=np.float32) for name in names if name in held}

    def count(self, collection: str) -> int:
        with _told("counting"):
            return self._client.count(collection, exact=True).count

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        if not values:
            return {}
        wanted = _condition(Filter(any_of={field: values}))
        with _told(f"counting by {field}"):
            found = self._client.facet(collection, field, facet_filter=wanted, limit=len(values), exact=True)
        return {str(hit.value): hit.count for hit in found.hits}

    def ids(self, collection: str) -> Iterable[str]:
        offset: Any = None
        while True:
            with _told("reading ids"):
                page, offset = self._client.scroll(collection, limit=SCROLL_PAGE, offset=offset, with_payload=[ID])
            yield from (str((point.payload or {})[ID]) for point in page)
            if offset is None:
                return

    def close(self) -> None:
        self._client.close()
