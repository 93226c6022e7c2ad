"""What is asked of Qdrant and written to it, as its REST interface takes it; and what it would not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Point
from stormpetrel.stores.collections import Compression
from stormpetrel.stores.storable import why_unstorable

Json = dict[str, Any]
EXACT: Json = {"exact": True, "quantization": {"ignore": True}}
ID = "id"  # the payload field that holds the entity's own id


def _point(lon: float, lat: float) -> Json:
    return {"lon": lon, "lat": lat}


def _among(values_by_key: Mapping[str, Sequence[str]]) -> list[Json]:
    return [{"key": key, "match": {"any": list(values)}} for key, values in values_by_key.items()]


def filter_condition(filter: Filter | None) -> Json | None:
    """The filter as Qdrant takes it; None where it lets everything through."""
    if filter is None:
        return None
    must = [*_own_conditions(filter), *_nested(filter.every)]
    should = _nested(filter.either)
    must_not = [*_among(filter.none_of), *_nested(filter.neither)]
    if not (must or should or must_not):
        return None
    return {"must": must, "must_not": must_not} | ({"should": should} if should else {})


def _nested(filters: Sequence[Filter]) -> list[Json]:
    return [filter_condition(each) or {"must": []} for each in filters]


def _own_conditions(filter: Filter) -> list[Json]:
    must = _among(filter.any_of)
    for key, (low, high) in filter.ranges.items():
        ends = {"gte": low, "lte": high}
        must.append({"key": key, "range": {name: end for name, end in ends.items() if end is not None}})
    for west, south, east, north in filter.boxes:
        box = {"top_left": _point(west, north), "bottom_right": _point(east, south)}
        must.append({"key": filter.place_field, "geo_bounding_box": box})
    if filter.polygon:
        ring = {"points": [_point(lon, lat) for lon, lat in filter.polygon]}
        must.append({"key": filter.place_field, "geo_polygon": {"exterior": ring}})
    for lon, lat, km in filter.circles:
        circle = {"center": _point(lon, lat), "radius": km * 1000}
        must.append({"key": filter.place_field, "geo_radius": circle})
    return must


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


def query_request(query: IndexQuery, compression: Compression) -> Json:
    """A ranked list as Qdrant's query interface asks for it. A dense vector stays an array of numpy."""
    request: Json = {"limit": query.limit, "with_payload": list(query.payload)}
    if condition := filter_condition(query.filter):
        request["filter"] = condition
    if isinstance(query, OrderQuery):
        order: Json = {"key": query.key, "direction": query.direction}
        order |= {} if query.start is None else {"start_from": query.start}
        return {**request, "query": {"order_by": order}}
    request["using"] = query.using
    if query.dense is None:
        indices, values = query.sparse or ((), ())
        return {**request, "query": {"nearest": {"indices": list(indices), "values": list(values)}}}
    request |= {"params": compression.search_params()}
    if query.at_least is not None:
        request |= {"params": EXACT, "score_threshold": query.at_least}
    return {**request, "query": {"nearest": np.ascontiguousarray(query.dense, np.float32)}}
