"""Qdrant REST codec: JSON bodies to objects of Qdrant's own engine (qdrant-edge) and back.

Only the part of the REST interface that our adapter uses; anything else is rejected by name, never ignored.
"""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

Json = dict[str, Any]
DISTANCES = {"Cosine": edge.Distance.Cosine, "Dot": edge.Distance.Dot, "Euclid": edge.Distance.Euclid}
DATATYPES = {None: None, "float32": None, "float16": edge.VectorStorageDatatype.Float16}
SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "geo": edge.PayloadSchemaType.Geo,
}
RATIOS = {f"x{n}": getattr(edge.CompressionRatio, f"X{n}") for n in (4, 8, 16, 32, 64)}


class BadRequest(Exception):
    """The request asks for what the local vector index does not offer, or is malformed."""


class MissingCollection(BadRequest):
    """There is no such collection."""


class ExistingCollection(BadRequest):
    """There is such a collection already."""


class FailedCollection(Exception):
    """The engine cannot read this collection, or has panicked at work on it; the others are well."""


def require_fields(body: Json, allowed: str, name: str) -> None:
    """Raises BadRequest where the body has other fields than the allowed ones (with spaces between them)."""
    unknown = sorted(key for key, value in body.items() if value is not None and key not in allowed.split())
    if unknown:
        raise BadRequest(f"the local vector index does not read {', '.join(unknown)} of {name}; use a Qdrant server")


def _geo(point: Json) -> Any:
    return edge.GeoPoint(point["lon"], point["lat"])


def _condition(condition: Json) -> Any:
    if condition.keys() & {"must", "must_not", "should"}:
        return read_filter(condition)
    if "has_id" in condition:
        require_fields(condition, "has_id", "a condition")
        return edge.HasIdCondition(set(condition["has_id"]))
    require_fields(condition, "key match range geo_bounding_box geo_polygon geo_radius", "a condition")
    key = condition["key"]
    if (match := condition.get("match")) is not None:
        require_fields(match, "any value", "a match")
        values = match["any"] if "any" in match else [match["value"]]
        return edge.FieldCondition(key, match=edge.MatchAny(values))
    if (limits := condition.get("range")) is not None:
        require_fields(limits, "gte gt lte lt", "a range")
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
    raise BadRequest(f"the condition on {key} is empty")


def read_filter(body: Json | None) -> Any:
    if not body:
        return None
    require_fields(body, "must must_not should", "a filter")
    parts: dict[str, Any] = {
        name: [_condition(c) for c in conditions] for name, conditions in body.items() if conditions
    }
    return edge.Filter(**parts)


def read_vector(value: Any) -> Any:
    if isinstance(value, dict):
        return edge.SparseVector(indices=value["indices"], values=value["values"])
    return value


def read_point(body: Json) -> Any:
    vectors = {name: read_vector(value) for name, value in (body["vector"] or {}).items()}
    return edge.Point(body["id"], vectors, body.get("payload"))


def read_vectors(body: Json) -> Any:
    return edge.PointVectors(body["id"], {name: read_vector(value) for name, value in body["vector"].items()})


def json_record(record: Any) -> Json:
    vector = record.vector
    if isinstance(vector, dict):
        vector = {name: _json_vector(value) for name, value in vector.items()}
    return {"id": str(record.id), "payload": record.payload, "vector": vector}


def _json_vector(value: Any) -> Any:
    return {"indices": value.indices, "values": value.values} if isinstance(value, edge.SparseVector) else value


def read_order(body: Any) -> Any:
    order = {"key": body} if isinstance(body, str) else body
    require_fields(order, "key direction start_from", "order_by")
    direction = edge.Direction.Desc if order.get("direction") == "desc" else edge.Direction.Asc
    return edge.OrderBy(order["key"], direction, order.get("start_from"))


def read_query(body: Json) -> Any:
    require_fields(body, "query using filter limit with_payload with_vector offset score_threshold params", "a query")
    query = body.get("query") or {}
    require_fields(query, "nearest order_by", "a query")
    if "order_by" in query:
        edge_query: Any = read_order(query["order_by"])
    else:
        edge_query = edge.Query.Nearest(read_vector(query["nearest"]), using=body.get("using"))
    return edge.QueryRequest(
        limit=body.get("limit") or 10,
        offset=body.get("offset"),
        query=edge_query,
        filter=read_filter(body.get("filter")),
        with_payload=body.get("with_payload") or False,
        with_vector=body.get("with_vector") or False,
        score_threshold=body.get("score_threshold"),
        params=_search_params(body.get("params")),
    )


def _search_params(body: Json | None) -> Any:
    if not body:
        return None
    require_fields(body, "hnsw_ef exact quantization indexed_only", "search params")
    quantization = body.get("quantization")
    if quantization:
        require_fields(quantization, "ignore rescore oversampling", "quantization params")
        quantization = edge.QuantizationSearchParams(**quantization)
    return edge.SearchParams(body.get("hnsw_ef"), bool(body.get("exact")), quantization, bool(body.get("indexed_only")))


def _quantization(body: Json | None) -> Any:
    """Scalar (int8), product or binary quantisation of a collection's vectors."""
    if not body:
        return None
    require_fields(body, "scalar product binary", "a quantization_config")
    if scalar := body.get("scalar"):
        require_fields(scalar, "type quantile always_ram", "scalar quantisation")
        return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, scalar.get("quantile"), scalar.get("always_ram"))
    if product := body.get("product"):
        require_fields(product, "compression always_ram", "product quantisation")
        return edge.ProductQuantizationConfig(RATIOS[product["compression"]], product.get("always_ram"))
    require_fields(body["binary"], "always_ram", "binary quantisation")
    return edge.BinaryQuantizationConfig(body["binary"].get("always_ram"))


def read_configuration(body: Json) -> Any:
    """A collection's configuration for the engine."""
    require_fields(body, "vectors sparse_vectors", "a collection")
    dense = {}
    for name, params in (body.get("vectors") or {}).items():
        require_fields(params, "size distance datatype quantization_config", "a vector")
        dense[name] = edge.EdgeVectorParams(
            size=params["size"],
            distance=DISTANCES[params["distance"]],
            datatype=DATATYPES[params.get("datatype")],
            quantization_config=_quantization(params.get("quantization_config")),
        )
    sparse = {
        name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if params.get("modifier") == "idf" else None)
        for name, params in (body.get("sparse_vectors") or {}).items()
    }
    return edge.EdgeConfig(vectors=dense, sparse_vectors=sparse, max_search_threads=2)
