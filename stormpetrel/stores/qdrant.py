"""The vector index: Qdrant, or the local stack's engine behind the same REST interface."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from stormpetrel.core.errors import StoreRefused, StormpetrelError
from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Document, Filter, IndexQuery, Point, ScannedPage, Scored
from stormpetrel.core.settings import Qdrant
from stormpetrel.stores.collections import Compression, Placement, VectorCollection
from stormpetrel.stores.qdrant_connection import QdrantConnection
from stormpetrel.stores.qdrant_errors import store_errors
from stormpetrel.stores.qdrant_requests import (
    ID,
    filter_condition,
    point_json,
    query_request,
    vectors_json,
    why_refused,
)

SCROLL_PAGE = 2000
PAYLOAD_PAGE = 5000  # ids a request: some 200 KB
SCAN_PAGE = 1000  # points with a vector each: some megabytes of JSON


def _check_storable(collection: str, points: Sequence[Point]) -> None:
    """Raises StoreRefused with the ids of points that no vector index takes."""
    reasons = {point.id: reason for point in points if (reason := why_refused(point))}
    if reasons:
        text = "; ".join(f"{each} has {reason}" for each, reason in list(reasons.items())[:5])
        raise StoreRefused(f"Qdrant: writing to {collection}: {text}", list(reasons))


class QdrantIndex:
    """A VectorReader, VectorWriter and VectorScanner on a Qdrant server."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        timeout_s: float = 30,
        compression: Compression | None = None,
        placement: Placement | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.url, self._compression, self._placement = url, compression or Compression(), placement or Placement()
        # Compressed answers come in chunks, and wait 40 ms for the acknowledgement of the first (Nagle's algorithm).
        headers = {"Accept-Encoding": "identity"}
        context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self._client = QdrantClient(
            url=url,
            api_key=api_key,
            timeout=math.ceil(timeout_s),
            check_compatibility=False,
            headers=headers,
            verify=context or True,
        )
        headers |= {"api-key": api_key} if api_key else {}
        self._connection = QdrantConnection(url, headers, timeout_s, context)

    @classmethod
    def of(cls, settings: Qdrant) -> QdrantIndex:
        """Raises StormpetrelError where the CA file is none."""
        chosen = settings.compression
        compression = Compression(chosen.kind, chosen.rescore, chosen.oversampling, chosen.ef)
        placement = Placement(
            settings.shards, settings.replication_factor, settings.write_consistency, settings.on_disk
        )
        key = settings.api_key.get_secret_value() if settings.api_key else None
        try:
            return cls(settings.url, key, settings.timeout_s, compression, placement, settings.ca_file)
        except OSError as error:
            raise StormpetrelError(f"qdrant.ca_file cannot be used: {error}") from error

    def migrate(self, collection: VectorCollection) -> None:
        """Creates the collection and its payload indexes where they are missing, and sets its compression; safe to
        repeat, and by several processes at once."""
        quantisation = self._compression.quantisation()
        with store_errors(f"creating {collection.name}"):
            if not self._client.collection_exists(collection.name):
                self._create(collection)
            if self._configured(collection) != dict.fromkeys(collection.dense, quantisation):
                change = models.VectorParamsDiff(quantization_config=quantisation or models.Disabled.DISABLED)
                self._client.update_collection(collection.name, vectors_config=dict.fromkeys(collection.dense, change))
            for fields, schema in (
                (collection.keywords, models.PayloadSchemaType.KEYWORD),
                (collection.integers, models.PayloadSchemaType.INTEGER),
                (collection.floats, models.PayloadSchemaType.FLOAT),
                (collection.points, models.PayloadSchemaType.GEO),
            ):
                for name in fields:
                    self._client.create_payload_index(collection.name, name, schema, wait=True)

    def _create(self, collection: VectorCollection) -> None:
        kept: Any = {"distance": models.Distance.COSINE, "datatype": models.Datatype.FLOAT16}
        kept |= {"on_disk": True} if self._placement.on_disk else {}
        quantisation = self._compression.quantisation()
        try:
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
                shard_number=self._placement.shards,
                replication_factor=self._placement.replication_factor,
                write_consistency_factor=self._placement.write_consistency,
            )
        except UnexpectedResponse:
            # Another process was faster between the question and the answer: what counts is that it is there.
            if not self._client.collection_exists(collection.name):
                raise

    def drop(self, collection: str) -> None:
        """Removes a collection with all its points; one that does not exist is no error."""
        with store_errors(f"dropping {collection}"):
            self._client.delete_collection(collection)

    def _configured(self, collection: VectorCollection) -> dict[str, Any]:
        """The compression of each dense vector as the server holds it."""
        vectors = self._client.get_collection(collection.name).config.params.vectors
        if not isinstance(vectors, dict):
            return {}
        return {name: vectors[name].quantization_config for name in collection.dense}

    def settled(self, collection: str) -> bool:
        """Whether everything that was written is in the graph, as far as the server wants it to be."""
        with store_errors(f"describing {collection}"):
            return self._client.get_collection(collection).status == models.CollectionStatus.GREEN

    def ping(self) -> None:
        with store_errors("listing collections"):
            self._client.get_collections()

    def collections(self) -> list[str]:
        """The names of all collections."""
        with store_errors("listing collections"):
            return sorted(collection.name for collection in self._client.get_collections().collections)

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        if not points:
            return
        latest = {point.id: point for point in points}
        _check_storable(collection, list(latest.values()))
        with store_errors(f"writing {len(latest)} points"):
            body = {"points": [point_json(point) for point in latest.values()]}
            self._connection.call("PUT", f"/collections/{collection}/points?wait=true", body)

    def set_vectors(self, collection: str, points: Sequence[Point]) -> None:
        latest = {point.id: point for point in points}
        _check_storable(collection, list(latest.values()))
        known = self._known(collection, list(latest))
        while known:
            body = {"points": [vectors_json(latest[each]) for each in known]}
            try:
                with store_errors(f"writing vectors of {len(known)} points"):
                    self._connection.call("PUT", f"/collections/{collection}/points/vectors?wait=true", body)
                return
            except StormpetrelError:
                # One point that was deleted since makes the server refuse them all: the others are written again.
                left = self._known(collection, known)
                if len(left) == len(known):
                    raise
                known = left

    def _known(self, collection: str, ids: Sequence[str]) -> list[str]:
        """Those that have a point."""
        return sorted(self.vectors(collection, ids, ()))

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        if ids:
            with store_errors("deleting points"):
                self._client.delete(collection, [point_id(entity_id) for entity_id in ids], wait=True)

    def set_payload(self, collection: str, ids: Sequence[str], fields: Document) -> None:
        for first in range(0, len(ids), PAYLOAD_PAGE):
            with store_errors("writing payloads"):
                # By a filter: where ids are named alone, one that was deleted meanwhile fails the whole request.
                points = [point_id(entity_id) for entity_id in ids[first : first + PAYLOAD_PAGE]]
                body = {"payload": fields, "filter": {"must": [{"has_id": points}]}}
                self._connection.call("POST", f"/collections/{collection}/points/payload?wait=true", body)

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        if not queries:
            return []
        with store_errors("searching"):
            searches = [query_request(query, self._compression) for query in queries]
            answers = self._connection.call(
                "POST", f"/collections/{collection}/points/query/batch", {"searches": searches}
            )
        return [[Scored(hit.get("payload") or {}, hit["score"]) for hit in answer["points"]] for answer in answers]

    def vectors(
        self, collection: str, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, NDArray[np.float32]]]:
        if not ids:
            return {}
        body = {"ids": [point_id(entity_id) for entity_id in ids], "with_payload": [ID], "with_vector": list(names)}
        with store_errors("reading vectors"):
            points = self._connection.call("POST", f"/collections/{collection}/points", body)
        return {
            str(point["payload"][ID]): {
                name: np.asarray(values, dtype=np.float32)
                for name, values in (point.get("vector") or {}).items()
                if name in names and isinstance(values, list)
            }
            for point in points
        }

    def scan(self, collection: str, vector: str, payload: Sequence[str], within: Filter) -> Iterable[ScannedPage]:
        condition = filter_condition(within)
        request: dict[str, Any] = {"limit": SCAN_PAGE, "with_payload": list(payload), "with_vector": [vector]}
        request |= {"filter": condition} if condition else {}
        while True:
            with store_errors("reading vectors"):
                page = self._connection.call("POST", f"/collections/{collection}/points/scroll", request)
            complete = [point for point in page["points"] if vector in (point.get("vector") or {})]
            values = np.asarray([point["vector"][vector] for point in complete], dtype=np.float32)
            without = [point["payload"] for point in page["points"] if vector not in (point.get("vector") or {})]
            yield ScannedPage([point["payload"] for point in complete], values, without)
            if page["next_page_offset"] is None:
                return
            request["offset"] = page["next_page_offset"]

    def count(self, collection: str, within: Filter | None = None) -> int:
        request: Document = {"exact": True, "filter": filter_condition(within)}
        with store_errors("counting"):
            return int(self._connection.call("POST", f"/collections/{collection}/points/count", request)["count"])

    def count_by(self, collection: str, field: str, values: Sequence[str]) -> dict[str, int]:
        if not values:
            return {}
        any_value = filter_condition(Filter(any_of={field: values}))
        request = {"key": field, "filter": any_value, "limit": len(values), "exact": True}
        return self._facet(collection, request)

    def counts_of(self, collection: str, field: str, within: Filter, limit: int) -> dict[str, int]:
        request = {"key": field, "filter": filter_condition(within), "limit": limit, "exact": True}
        return self._facet(collection, request)

    def _facet(self, collection: str, request: Document) -> dict[str, int]:
        with store_errors(f"counting by {request['key']}"):
            facet = self._connection.call("POST", f"/collections/{collection}/facet", request)
        return {str(hit["value"]): hit["count"] for hit in facet["hits"]}

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        condition = filter_condition(within)
        request: Document = {"limit": SCROLL_PAGE, "with_payload": [ID]}
        request |= {"filter": condition} if condition else {}
        while True:
            with store_errors("reading ids"):
                page = self._connection.call("POST", f"/collections/{collection}/points/scroll", request)
            yield from (str(point["payload"][ID]) for point in page["points"])
            if page["next_page_offset"] is None:
                return
            request["offset"] = page["next_page_offset"]

    def payloads(self, collection: str) -> Iterable[Document]:
        offset: Any = None
        while True:
            with store_errors("reading payloads"):
                page, offset = self._client.scroll(collection, None, SCROLL_PAGE, offset=offset, with_payload=True)
            yield from (point.payload or {} for point in page)
            if offset is None:
                return

    def close(self) -> None:
        self._connection.close()
        self._client.close()
