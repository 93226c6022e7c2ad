"""The vector index: Qdrant, or the local stack's engine behind the same REST interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Point, ScannedPage, Scored
from stormpetrel.stores.collections import Compression, VectorCollection

SCROLL_PAGE = 2000
SCAN_PAGE = 1000  # points with a vector each: some megabytes of JSON
ID = "id"  # the payload field that holds the entity's own id


@contextmanager
def _unavailable_on_failure(action: str) -> Iterator[None]:
    try:
        yield
    except (ApiException, httpx.HTTPError, OSError, ValueError) as error:
        raise StoreUnavailable(f"Qdrant: {action}: {error}") from error


def _point(lon: float, lat: float) -> models.GeoPoint:
    return models.GeoPoint(lon=lon, lat=lat)


def _among(values_by_key: Mapping[str, Sequence[str]]) -> list[Any]:
    matches = {key: models.MatchAny(any=list(values)) for key, values in values_by_key.items()}
    return [models.FieldCondition(key=key, match=match) for key, match in matches.items()]


def _qdrant_filter(filter: Filter | None) -> models.Filter | None:
    if filter is None:
        return None
    must = _among(filter.any_of)
    for key, (low, high) in filter.ranges.items():
        must.append(models.FieldCondition(key=key, range=models.Range(gte=low, lte=high)))
    for west, south, east, north in filter.boxes:
        box = models.GeoBoundingBox(top_left=_point(west, north), bottom_right=_point(east, south))
        must.append(models.FieldCondition(key="location", geo_bounding_box=box))
    if filter.polygon:
        ring = models.GeoLineString(points=[_point(lon, lat) for lon, lat in filter.polygon])
        must.append(models.FieldCondition(key="location", geo_polygon=models.GeoPolygon(exterior=ring)))
    if filter.circle:
        lon, lat, km = filter.circle
        circle = models.GeoRadius(center=_point(lon, lat), radius=km * 1000)
        must.append(models.FieldCondition(key="location", geo_radius=circle))
    must_not = _among(filter.none_of)
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _sparse(vector: tuple[Sequence[int], Sequence[float]]) -> models.SparseVector:
    return models.SparseVector(indices=list(vector[0]), values=list(vector[1]))


def _json_value(part: models.QueryRequest | models.Filter) -> Any:
    return part.model_dump(mode="json", exclude_none=True)


class QdrantIndex:
    """A VectorReader, VectorWriter and VectorScanner on a Qdrant server."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout_s: float = 30, compression: Compression | None = None
    ) -> None:
        self.url, self._compression = url, compression or Compression()
        self._client = QdrantClient(
            url=url, api_key=api_key, timeout=int(timeout_s), prefer_grpc=False, check_compatibility=False
        )
        headers = {"Content-Type": "application/json", **({"api-key": api_key} if api_key else {})}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    def migrate(self, collection: VectorCollection) -> None:
        """Creates the collection and its payload indexes where they are missing, and sets its compression; safe to
        repeat."""
        quantisation = self._compression.quantisation()
        with _unavailable_on_failure(f"creating {collection.name}"):
            if not self._client.collection_exists(collection.name):
                kept: Any = {"distance": models.Distance.COSINE, "datatype": models.Datatype.FLOAT16}
                self._client.create_collection(
                    collection.name,
                    {
                        name: models.VectorParams(size=size, quantization_config=quantisation, **kept)
                        for name, size in collection.dense.items()
                    },
                    {
                        name: models.SparseVectorParams(modifier=models.Modifier.IDF if idf else None)
                        for name, idf in collection.sparse.items()
                    }
                    or None,
                )
            elif self._configured(collection) != dict.fromkeys(collection.dense, quantisation):
                change = models.VectorParamsDiff(quantization_config=quantisation or models.Disabled.DISABLED)
                self._client.update_collection(collection.name, vectors_config=dict.fromkeys(collection.dense, change))
            for fields, schema in (
                (collection.keywords, models.PayloadSchemaType.KEYWORD),
                (collection.integers, models.PayloadSchemaType.INTEGER),
                (collection.points, models.PayloadSchemaType.GEO),
            ):
                for name in fields:
                    self._client.create_payload_index(collection.name, name, schema, wait=True)

    def _configured(self, collection: VectorCollection) -> dict[str, Any]:
        """The compression of each dense vector as the server holds it."""
        vectors = self._client.get_collection(collection.name).config.params.vectors
        if not isinstance(vectors, dict):
            return {}
        return {name: vectors[name].quantization_config for name in collection.dense}

    def settled(self, collection: str) -> bool:
        """Whether everything that was written is in the graph, as far as the server wants it to be."""
        with _unavailable_on_failure(f"describing {collection}"):
            return self._client.get_collection(collection).status == models.CollectionStatus.GREEN

    def _request(self, query: IndexQuery) -> models.QueryRequest:
        asked: dict[str, Any]
        if isinstance(query, OrderQuery):
            direction = models.Direction(query.direction)
            order = models.OrderBy(key=query.key, direction=direction, start_from=query.start)
            asked = {"query": models.OrderByQuery(order_by=order)}
        elif query.dense is not None:
            nearest = models.NearestQuery(nearest=query.dense.tolist())
            asked = {"query": nearest, "using": query.using, "params": self._compression.search_params()}
        else:
            asked = {"query": models.NearestQuery(nearest=_sparse(query.sparse or ((), ()))), "using": query.using}
        condition, payload = _qdrant_filter(query.filter), list(query.payload)
        return models.QueryRequest(**asked, filter=condition, limit=query.limit, with_payload=payload)

    def ping(self) -> None:
        with _unavailable_on_failure("listing collections"):
            self._client.get_collections()

    def collections(self) -> list[str]:
        """The names of all collections."""
        with _unavailable_on_failure("listing collections"):
            return sorted(collection.name for collection in self._client.get_collections().collections)

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        if not points:
            return
        structs = []
        for point in {point.id: point for point in points}.values():
            vectors: dict[str, Any] = {name: values.tolist() for name, values in point.dense.items()}
            vectors |= {name: _sparse(values) for name, values in point.sparse.items()}
            payload = {ID: point.id, **point.payload}
            structs.append(models.PointStruct(id=point_id(point.id), vector=vectors, payload=payload))
        with _unavailable_on_failure(f"writing {len(structs)} points"):
            self._client.upsert(collection, structs, wait=True)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        if ids:
            with _unavailable_on_failure("deleting points"):
                self._client.delete(collection, [point_id(entity_id) for entity_id in ids], wait=True)

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        if not queries:
            return []
        searches = [self._request(query) for query in queries]
        with _unavailable_on_failure("searching"):
            answers = self._post(f"/collections/{collection}/points/query/batch", {"searches": searches})
        return [[Scored(hit.get("payload") or {}, hit["score"]) for hit in answer["points"]] for answer in answers]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        """The server's result, past the client library: it validates every hit, which takes longer than the search."""
        reply = self._http.post(path, content=orjson.dumps(body, default=_json_value))
        if reply.status_code != httpx.codes.OK:
            raise OSError(f"it answers {reply.status_code}: {reply.text[:500]}")
        return orjson.loads(reply.content)["result"]

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        if not ids:
            return {}
        point_ids = [point_id(entity_id) for entity_id in ids]
        with _unavailable_on_failure("reading vectors"):
            points = self._client.retrieve(collection, point_ids, with_payload=[ID], with_vectors=list(names))
        return {
            str((point.payload or {})[ID]): {
                name: np.asarray(values, dtype=np.float32)
                for name, values in (point.vector if isinstance(point.vector, dict) else {}).items()
                if name in names
            }
            for point in points
        }

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterable[ScannedPage]:
        condition = _qdrant_filter(within)
        request: dict[str, Any] = {"limit": SCAN_PAGE, "with_payload": list(payload), "with_vector": [vector]}
        request |= {"filter": condition} if condition else {}
        while True:
            with _unavailable_on_failure("reading vectors"):
                page = self._post(f"/collections/{collection}/points/scroll", request)
            complete = [point for point in page["points"] if vector in (point.get("vector") or {})]
            values = np.asarray([point["vector"][vector] for point in complete], dtype=np.float32)
            without = [point["payload"] for point in page["points"] if vector not in (point.get("vector") or {})]
            yield ScannedPage([point["payload"] for point in complete], values, without)
            if page["next_page_offset"] is None:
                return
            request["offset"] = page["next_page_offset"]

    def count(self, collection: str, within: Filter | None = None) -> int:
        with _unavailable_on_failure("counting"):
            return self._client.count(collection, count_filter=_qdrant_filter(within), exact=True).count

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        if not values:
            return {}
        any_value = _qdrant_filter(Filter(any_of={field: values}))
        request = {"key": field, "filter": any_value, "limit": len(values), "exact": True}
        with _unavailable_on_failure(f"counting by {field}"):
            facet = self._post(f"/collections/{collection}/facet", request)
        return {str(hit["value"]): hit["count"] for hit in facet["hits"]}

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        offset: Any = None
        condition = _qdrant_filter(within)
        while True:
            with _unavailable_on_failure("reading ids"):
                page, offset = self._client.scroll(collection, condition, SCROLL_PAGE, offset=offset, with_payload=[ID])
            yield from (str((point.payload or {})[ID]) for point in page)
            if offset is None:
                return

    def close(self) -> None:
        self._http.close()
        self._client.close()
