"""From a client's parameters to a query of items. Whatever cannot be read is a BadQuery with its remedy."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from shapely import box, unary_union
from shapely.geometry.base import BaseGeometry

from api.stac.parameters import MOST_ITEMS, SearchBody, ShownFields, Sort
from stormpetrel.core.areas import geometry_of
from stormpetrel.core.errors import BadQuery
from stormpetrel.predicates import And, Expression, Intersects, Overlaps, read_filter
from stormpetrel.search.item_order import Position
from stormpetrel.search.item_search import COLLECTIONS, ItemQuery

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.IGNORECASE)  # RFC 3339


def body_of(parameters: dict[str, Any]) -> SearchBody:
    """The parameters of an address as the body that says the same."""
    texts = {name: value for name, value in parameters.items() if value is not None and value != ""}
    fields: dict[str, Any] = {name: texts[name] for name in ("datetime", "limit", "token") if name in texts}
    fields |= {name: texts[name].split(",") for name in ("collections", "ids") if name in texts}
    fields |= {name: texts[name] for name in ("filter", "filter_lang", "filter_crs") if name in texts}
    if "bbox" in texts:
        fields["bbox"] = _numbers(texts["bbox"])
    if "intersects" in texts:
        fields["intersects"] = _geojson(texts["intersects"])
    if "sortby" in texts:
        fields["sortby"] = [_sort(part) for part in texts["sortby"].split(",") if part.strip()]
    if "fields" in texts:
        names = [name.strip() for name in texts["fields"].split(",") if name.strip(" +-")]
        left_out = [name[1:] for name in names if name.startswith("-")]
        left_in = [name.removeprefix("+") for name in names if not name.startswith("-")]
        fields["fields"] = ShownFields(include=left_in[:100] or None, exclude=left_out[:100] or None)
    return SearchBody.model_construct(**fields)


def query_of(asked: SearchBody) -> ItemQuery:
    """Raises BadQuery."""
    if asked.bbox is not None and asked.intersects is not None:
        raise BadQuery("intersects", "bbox stands beside it", "Give one of both")
    collections = asked.collections or COLLECTIONS
    window = _window(asked.datetime) if asked.datetime else Overlaps(None, None)
    return ItemQuery(
        [name for name in COLLECTIONS if name in collections],
        asked.ids,
        And(tuple(_conditions(asked))),
        window,
        _is_ascending(asked.sortby or []),
        min(asked.limit or 10, MOST_ITEMS),
        _position(asked.token) if asked.token else None,
    )


def token_of(position: Position) -> str:
    """A place in the order as clients hand it back."""
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).decode().rstrip("=")


def _position(token: str) -> Position:
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        time, collection, item_id = parts
        if type(time) is not int or collection not in COLLECTIONS or not isinstance(item_id, str):
            raise ValueError("another form")
        if abs(time) >= 2**53:
            raise ValueError("beyond all times")
        return Position(time, collection, item_id)
    except (ValueError, TypeError, binascii.Error) as error:
        remedy = "Take it from the link next of the page before, or leave it out to begin anew"
        raise BadQuery("token", "it is none of this server", remedy) from error


def _conditions(asked: SearchBody) -> list[Expression]:
    conditions: list[Expression] = []
    if asked.bbox is not None:
        conditions.append(Intersects(_box(asked.bbox)))
    if asked.intersects is not None:
        try:
            conditions.append(Intersects(geometry_of(asked.intersects)))
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            raise BadQuery("intersects", problem, remedy or "Give a GeoJSON geometry") from error
    if asked.filter_crs not in (None, CRS84):
        raise BadQuery("filter-crs", "its coordinates are of another system", f"Give {CRS84}, or leave it out")
    if asked.filter is not None:
        if asked.filter_lang == "cql2-text" and not isinstance(asked.filter, str):
            raise BadQuery("filter-lang", "the filter is JSON", "Name cql2-json, or send CQL2 text")
        conditions.append(read_filter(asked.filter))
    return conditions


def _box(bounds: Sequence[float]) -> BaseGeometry:
    remedy = "Give west, south, east, north in degrees, with two heights or without"
    if len(bounds) not in (4, 6) or not all(map(math.isfinite, bounds)):
        raise BadQuery("bbox", f"it has {len(bounds)} numbers" if len(bounds) != 4 else "it is not finite", remedy)
    west, south, east, north = (bounds[at] for at in ((0, 1, 3, 4) if len(bounds) == 6 else (0, 1, 2, 3)))
    if south > north:
        raise BadQuery("bbox", "south lies above north", remedy)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and south >= -90 and north <= 90):
        raise BadQuery("bbox", "it leaves the globe", remedy)
    if west <= east:
        return box(west, south, east, north)
    return unary_union([box(west, south, 180, north), box(-180, south, east, north)])


def _window(text: str) -> Overlaps:
    """The window of a moment, or of an interval of two (RFC 3339), whose ends may be open."""
    remedy = "Give a moment such as 2025-11-04T20:00:00Z, or two with / between them, .. where an end is open"
    ends = text.split("/")
    if len(ends) > 2 or all(end in ("", "..") for end in ends):
        raise BadQuery("datetime", f"{text[:100]!r} is no moment and no interval", remedy)
    since, until = (None if end in ("", "..") else _milliseconds(end, remedy) for end in (ends[0], ends[-1]))
    if since is not None and until is not None and since > until:
        raise BadQuery("datetime", "it begins after its end", "Swap both")
    return Overlaps(since, until)


def _milliseconds(text: str, remedy: str) -> float:
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError("another form")
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper())).timestamp() * 1000
    except (ValueError, OverflowError) as error:
        raise BadQuery("datetime", f"{text[:100]!r} is no moment", remedy) from error


def _is_ascending(order: Sequence[Sort]) -> bool:
    for part in order:
        if part.field.removeprefix("properties.") not in ("datetime", "id", "collection"):
            raise BadQuery("sortby", f"items have no order by {part.field[:100]!r}", "Sort by datetime")
    by_time = [part for part in order if part.field.removeprefix("properties.") == "datetime"]
    if order and (not by_time or by_time[0] is not order[0]):
        raise BadQuery("sortby", "time does not come first", "Sort by datetime; id and collection decide equal times")
    return bool(by_time) and by_time[0].direction == "asc"


def _sort(part: str) -> Sort:
    name = part.strip()
    return Sort(field=name.lstrip("+-")[:100], direction="desc" if name.startswith("-") else "asc")


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise BadQuery("bbox", f"{text[:100]!r} are no numbers", "Give west,south,east,north in degrees") from error


def _geojson(text: str) -> dict[str, Any]:
    try:
        geometry = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadQuery("intersects", f"it is not JSON: {error}", "Give a GeoJSON geometry") from error
    if not isinstance(geometry, dict):
        raise BadQuery("intersects", "it is no JSON object", "Give a GeoJSON geometry")
    return geometry
