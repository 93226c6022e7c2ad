"""Qdrant's REST words as objects of its own engine (qdrant-edge).

Only the part of the REST interface that our adapter speaks; anything else is refused by name, never ignored.
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
    "geo": edge.PayloadSchemaType.Geo,
}
RATIOS = {f"x{n}": getattr(edge.CompressionRatio, f"X{n}") for n in (4, 8, 16, 32, 64)}


class Refused(Exception):
    """The request asks for what this engine's front does not offer, or is wrong in itself."""


def only(given: Json, allowed: str, what: str) -> None:
    strange = sorted(key for key, value in given.items() if value is not None and key not in allowed.split())
    if strange:
        raise Refused(f"the local vector index does not read {', '.join(strange)} of {what}; use a Qdrant server")


def _geo(point: Json) -> Any:
    return edge.GeoPoint(point["lon"], point["lat"])


def _field(condition: Json) -> Any:
    only(condition, "key match range geo_bounding_box geo_polygon geo_radius", "a condition")
    key = condition["key"]
    if (match := condition.get("match")) is not None:
        only(match, "any value", "a match")
        values = match["any"] if "any" in match else [match["value"]]
        return edge.FieldCondition(key, match=edge.MatchAny(values))
    if (limits := condition.get("range")) is not None:
        only(limits, "gte gt lte lt", "a range")
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


def read_filter(given: Json | None) -> Any:
    if not given:
        return None
    only(given, "must must_not should", "a filter")
    parts: dict[str, Any] = {name: [_field(c) for c in conditions] for name, conditions in given.items() if conditions}
    return edge.Filter(**parts)


def read_vector(value: Any) -> Any:
    if isinstance(value, dict):
        return edge.SparseVector(indices=value["indices"], values=value["values"])
    return value


def json_vector(value: Any) -> Any:
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    return value


def read_order(given: Any) -> Any:
    order = {"key": given} if isinstance(given, str) else given
    only(order, "key direction start_from", "order_by")
    direction = edge.Direction.Desc if order.get("direction") == "desc" else edge.Direction.Asc
    return edge.OrderBy(order["key"], direction, order.get("start_from"))


def read_query(given: Json) -> Any:
    only(given, "query using filter limit with_payload with_vector offset score_threshold params", "a query")
    asked = given.get("query") or {}
    only(asked, "nearest order_by", "a query's question")
    if "order_by" in asked:
        question: Any = read_order(asked["order_by"])
    else:
        question = edge.Query.Nearest(read_vector(asked["nearest"]), using=given.get("using"))
    return edge.QueryRequest(
        limit=given.get("limit") or 10,
        offset=given.get("offset"),
        query=question,
        filter=read_filter(given.get("filter")),
        with_payload=given.get("with_payload") or False,
        with_vector=given.get("with_vector") or False,
        score_threshold=given.get("score_threshold"),
        params=_search_params(given.get("params")),
    )


def _search_params(given: Json | None) -> Any:
    if not given:
        return None
    only(given, "hnsw_ef exact quantization indexed_only", "search params")
    compressed = given.get("quantization")
    if compressed:
        only(compressed, "ignore rescore oversampling", "quantization params")
        compressed = edge.QuantizationSearchParams(**compressed)
    return edge.SearchParams(
        given.get("hnsw_ef"), bool(given.get("exact")), compressed, bool(given.get("indexed_only"))
    )


def _quantization(given: Json | None) -> Any:
    """Scalar (int8), product or binary quantisation, as a collection asks for it."""
    if not given:
        return None
    only(given, "scalar product binary", "a quantization_config")
    if scalar := given.get("scalar"):
        only(scalar, "type quantile always_ram", "scalar quantisation")
        return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, scalar.get("quantile"), scalar.get("always_ram"))
    if product := given.get("product"):
        only(product, "compression always_ram", "product quantisation")
        return edge.ProductQuantizationConfig(RATIOS[product["compression"]], product.get("always_ram"))
    only(given["binary"], "always_ram", "binary quantisation")
    return edge.BinaryQuantizationConfig(given["binary"].get("always_ram"))


def read_configuration(given: Json) -> Any:
    """A collection's configuration for the engine."""
    only(given, "vectors sparse_vectors", "a collection")
    dense = {}
    for name, params in (given.get("vectors") or {}).items():
        only(params, "size distance datatype quantization_config", "a vector")
        dense[name] = edge.EdgeVectorParams(
            size=params["size"],
            distance=DISTANCES[params["distance"]],
            datatype=DATATYPES[params.get("datatype")],
            quantization_config=_quantization(params.get("quantization_config")),
        )
    sparse = {
        name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if params.get("modifier") == "idf" else None)
        for name, params in (given.get("sparse_vectors") or {}).items()
    }
    return edge.EdgeConfig(vectors=dense, sparse_vectors=sparse, max_search_threads=2)
