"""Qdrant's own engine in this process (qdrant-edge), one shard a collection, asked in Qdrant's REST words.

Only the part of the REST interface that our adapter speaks; anything else is refused by name, never ignored.
"""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import qdrant_edge as edge

Json = dict[str, Any]
DISTANCES = {"Cosine": edge.Distance.Cosine, "Dot": edge.Distance.Dot, "Euclid": edge.Distance.Euclid}
DATATYPES = {None: None, "float32": None, "float16": edge.VectorStorageDatatype.Float16}
SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "geo": edge.PayloadSchemaType.Geo,
}
FLUSH_EVERY = 5000  # points; the write-ahead log holds what comes between


class Refused(Exception):
    """The request asks for what this engine's front does not offer, or is wrong in itself."""


def _only(given: Json, allowed: str, what: str) -> None:
    strange = sorted(key for key, value in given.items() if value is not None and key not in allowed.split())
    if strange:
        raise Refused(f"the local vector index does not read {', '.join(strange)} of {what}; use a Qdrant server")


def _geo(point: Json) -> Any:
    return edge.GeoPoint(point["lon"], point["lat"])


def _field(condition: Json) -> Any:
    _only(condition, "key match range geo_bounding_box geo_polygon geo_radius", "a condition")
    key = condition["key"]
    if (match := condition.get("match")) is not None:
        _only(match, "any value", "a match")
        values = match["any"] if "any" in match else [match["value"]]
        return edge.FieldCondition(key, match=edge.MatchAny(values))
    if (limits := condition.get("range")) is not None:
        _only(limits, "gte gt lte lt", "a range")
        return edge.FieldCondition(key, range=edge.RangeFloat(**limits))
    if (box := condition.get("geo_bounding_box")) is not None:
        corners = edge.GeoBoundingBox(_geo(box["top_left"]), _geo(box["bottom_right"]))
        return edge.FieldCondition(key, geo_bounding_box=corners)
    if (circle := condition.get("geo_radius")) is not None:
        return edge.FieldCondition(key, geo_radius=edge.GeoRadius(_geo(circle["center"]), circle["radius"]))
    if (polygon := condition.get("geo_polygon")) is not None:
        rings = [[_geo(p) for p in ring["points"]] for ring in polygon.get("interiors") or []]
        ring = [_geo(point) for point in polygon["exterior"]["points"]]
        return edge.FieldCondition(key, geo_polygon=edge.GeoPolygon(ring, rings))
    raise Refused(f"the condition on {key} says nothing")


def _filter(given: Json | None) -> Any:
    if not given:
        return None
    _only(given, "must must_not should", "a filter")
    parts: dict[str, Any] = {name: [_field(c) for c in conditions] for name, conditions in given.items() if conditions}
    return edge.Filter(**parts)


def _vector(value: Any) -> Any:
    if isinstance(value, dict):
        return edge.SparseVector(indices=value["indices"], values=value["values"])
    return value


def _json_vector(value: Any) -> Any:
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    return value


def _order(given: Any) -> Any:
    order = {"key": given} if isinstance(given, str) else given
    _only(order, "key direction start_from", "order_by")
    direction = edge.Direction.Desc if order.get("direction") == "desc" else edge.Direction.Asc
    return edge.OrderBy(order["key"], direction, order.get("start_from"))


def _query(given: Json) -> Any:
    _only(given, "query using filter limit with_payload with_vector offset score_threshold", "a query")
    asked = given.get("query") or {}
    _only(asked, "nearest order_by", "a query's question")
    if "order_by" in asked:
        question: Any = _order(asked["order_by"])
    else:
        question = edge.Query.Nearest(_vector(asked["nearest"]), using=given.get("using"))
    return edge.QueryRequest(
        limit=given.get("limit") or 10,
        offset=given.get("offset"),
        query=question,
        filter=_filter(given.get("filter")),
        with_payload=given.get("with_payload") or False,
        with_vector=given.get("with_vector") or False,
        score_threshold=given.get("score_threshold"),
    )


class Shard:
    """One collection. Reads run side by side; writes come one at a time."""

    def __init__(self, directory: Path, configuration: Json) -> None:
        self.configuration = configuration
        if (directory / "segments").exists():
            self._shard = edge.EdgeShard.load(str(directory))
        else:
            directory.mkdir(parents=True, exist_ok=True)
            self._shard = edge.EdgeShard.create(str(directory), self._edge_configuration(configuration))
        self._writing = threading.Lock()
        self._unflushed = 0

    @staticmethod
    def _edge_configuration(given: Json) -> Any:
        _only(given, "vectors sparse_vectors", "a collection")
        dense = {
            name: edge.EdgeVectorParams(
                size=params["size"], distance=DISTANCES[params["distance"]], datatype=DATATYPES[params.get("datatype")]
            )
            for name, params in (given.get("vectors") or {}).items()
        }
        sparse = {
            name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if params.get("modifier") == "idf" else None)
            for name, params in (given.get("sparse_vectors") or {}).items()
        }
        return edge.EdgeConfig(vectors=dense, sparse_vectors=sparse, max_search_threads=2)

    def index(self, field: str, schema: str) -> None:
        if schema not in SCHEMAS:
            raise Refused(f"no payload index of type {schema!r} in the local vector index")
        with self._writing:
            self._shard.update(edge.UpdateOperation.create_field_index(field, SCHEMAS[schema]))
            self._shard.flush()

    def upsert(self, points: list[Json]) -> None:
        made = [
            edge.Point(
                point["id"],
                {name: _vector(v) for name, v in (point["vector"] or {}).items()},
                point.get("payload"),
            )
            for point in points
        ]
        self._write(edge.UpdateOperation.upsert_points(made), len(made))

    def delete(self, ids: list[Any]) -> None:
        self._write(edge.UpdateOperation.delete_points(ids), len(ids))

    def _write(self, operation: Any, points: int) -> None:
        with self._writing:
            self._shard.update(operation)
            self._unflushed += points
            if self._unflushed >= FLUSH_EVERY:
                self._shard.flush()
                self._unflushed = 0

    def query_batch(self, queries: list[Json]) -> list[Json]:
        found = self._shard.query_batch(edge.QueryBatchRequest([_query(query) for query in queries]))
        return [
            {"points": [{"id": str(p.id), "version": 0, "score": p.score, "payload": p.payload} for p in points]}
            for points in found
        ]

    def retrieve(self, given: Json) -> list[Json]:
        records = self._shard.retrieve(given["ids"], given.get("with_payload", True), given.get("with_vector", False))
        return [self._record(record) for record in records]

    def scroll(self, given: Json) -> Json:
        order = given.get("order_by")
        records, following = self._shard.scroll(
            edge.ScrollRequest(
                offset=given.get("offset"), limit=given.get("limit") or 10, filter=_filter(given.get("filter")),
                with_payload=given.get("with_payload", True), with_vector=given.get("with_vector") or False,
                order_by=_order(order) if order else None,
            )
        )  # fmt: skip
        return {
            "points": [self._record(record) for record in records],
            "next_page_offset": str(following) if following is not None else None,
        }

    @staticmethod
    def _record(record: Any) -> Json:
        held = record.vector
        vector = {name: _json_vector(v) for name, v in held.items()} if isinstance(held, dict) else held
        return {"id": str(record.id), "payload": record.payload, "vector": vector}

    def count(self, given: Json) -> int:
        return int(self._shard.count(edge.CountRequest(filter=_filter(given.get("filter")), exact=True)))

    def facet(self, given: Json) -> Json:
        _only(given, "key limit filter exact", "a facet")
        request = edge.FacetRequest(given["key"], given.get("limit") or 10, bool(given.get("exact")),
                                    _filter(given.get("filter")))  # fmt: skip
        return {"hits": [{"value": hit.value, "count": hit.count} for hit in self._shard.facet(request).hits]}

    def close(self) -> None:
        with self._writing:
            self._shard.flush()
            self._shard.close()


class Engine:
    """All collections under one folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._directory.mkdir(parents=True, exist_ok=True)
        self._creating = threading.Lock()
        self.shards: dict[str, Shard] = {}
        for file in sorted(directory.glob("*.json")):
            self.shards[file.stem] = Shard(directory / file.stem, json.loads(file.read_text()))

    def create(self, name: str, configuration: Json) -> None:
        with self._creating:
            if name in self.shards:
                raise Refused(f"collection {name} already exists")
            self.shards[name] = Shard(self._directory / name, configuration)
            # Written last: a shard without it was never created.
            (self._directory / f"{name}.json").write_text(json.dumps(configuration))

    def drop(self, name: str) -> bool:
        with self._creating:
            shard = self.shards.pop(name, None)
            if shard is None:
                return False
            (self._directory / f"{name}.json").unlink(missing_ok=True)
            shard.close()
            shutil.rmtree(self._directory / name, ignore_errors=True)
            return True

    def close(self) -> None:
        for shard in self.shards.values():
            shard.close()
