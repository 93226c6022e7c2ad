"""What is asked of Qdrant and written to it, as its REST interface takes it; and what it would not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Point
from stormpetrel.stores.collections import Compression
from stormpetrel.stores.storable import why_unstorable

EXACT = models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True))
ID = "id"  # the payload field that holds the entity's own id


def _point(lon: float, lat: float) -> models.GeoPoint:
    return models.GeoPoint(lon=lon, lat=lat)


def _among(values_by_key: Mapping[str, Sequence[str]]) -> list[Any]:
    matches = {key: models.MatchAny(any=list(values)) for key, values in values_by_key.items()}
    return [models.FieldCondition(key=key, match=match) for key, match in matches.items()]


def filter_condition(filter: Filter | None) -> models.Filter | None:
    if filter is None:
        return None
    must = _among(filter.any_of)
    for key, (low, high) in filter.ranges.items():
        must.append(models.FieldCondition(key=key, range=models.Range(gte=low, lte=high)))
    for west, south, east, north in filter.boxes:
        box = models.GeoBoundingBox(top_left=_point(west, north), bottom_right=_point(east, south))
        must.append(models.FieldCondition(key=filter.place_field, geo_bounding_box=box))
    if filter.polygon:
        ring = models.GeoLineString(points=[_point(lon, lat) for lon, lat in filter.polygon])
        must.append(models.FieldCondition(key=filter.place_field, geo_polygon=models.GeoPolygon(exterior=ring)))
    for lon, lat, km in filter.circles:
        circle = models.GeoRadius(center=_point(lon, lat), radius=km * 1000)
        must.append(models.FieldCondition(key=filter.place_field, geo_radius=circle))
    must_not = _among(filter.none_of)
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _sparse(vector: tuple[Sequence[int], Sequence[float]]) -> models.SparseVector:
    return models.SparseVector(indices=list(vector[0]), values=list(vector[1]))


def point_json(point: Point) -> dict[str, Any]:
    """The point as Qdrant takes it. Its vectors stay arrays of numpy."""
    return {**vectors_json(point), "payload": {ID: point.id, **point.payload}}


def vectors_json(point: Point) -> dict[str, Any]:
    """The point's vectors alone, as Qdrant takes them."""
    vectors: dict[str, Any] = {name: np.ascontiguousarray(values, np.float32) for name, values in point.dense.items()}
    vectors |= {
        name: {"indices": list(indices), "values": list(values)} for name, (indices, values) in point.sparse.items()
    }
    return {"id": point_id(point.id), "vector": vectors}


def why_refused(point: Point) -> str | None:
    """Why no vector index takes this point; None where all is well."""
    for name, values in point.dense.items():
        with np.errstate(over="ignore"):
            single = np.asarray(values, dtype=np.float32)
            if not np.isfinite(single @ single):
                return f"a vector {name!r} whose values or length are not finite in float32"
    for name, (indices, weights) in point.sparse.items():
        if len(indices) != len(weights):
            return f"a vector {name!r} of {len(indices)} indices and {len(weights)} values"
        if len(set(indices)) != len(indices) or not all(0 <= index < 2**32 for index in indices):
            return f"a vector {name!r} with an index twice, or beyond 32 bits"
        if not np.isfinite(np.asarray(weights, dtype=np.float32)).all():
            return f"a vector {name!r} with a value that is not finite"
    return why_unstorable(point.payload)


def json_value(part: models.QueryRequest | models.Filter) -> Any:
    return part.model_dump(mode="json", exclude_none=True)


def query_request(query: IndexQuery, compression: Compression) -> models.QueryRequest:
    """A ranked list as Qdrant's query interface asks for it."""
    parts: dict[str, Any]
    if isinstance(query, OrderQuery):
        direction = models.Direction(query.direction)
        order = models.OrderBy(key=query.key, direction=direction, start_from=query.start)
        parts = {"query": models.OrderByQuery(order_by=order)}
    elif query.dense is not None:
        nearest = models.NearestQuery(nearest=query.dense.tolist())
        params = compression.search_params() if query.at_least is None else EXACT
        parts = {"query": nearest, "using": query.using, "params": params, "score_threshold": query.at_least}
    else:
        parts = {"query": models.NearestQuery(nearest=_sparse(query.sparse or ((), ()))), "using": query.using}
    condition, payload = filter_condition(query.filter), list(query.payload)
    return models.QueryRequest(**parts, filter=condition, limit=query.limit, with_payload=payload)
