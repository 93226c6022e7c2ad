"""Areas and other shapes as GeoJSON, longitude and latitude in degrees, WGS 84 (RFC 7946)."""

from __future__ import annotations

import math
from typing import Any

from shapely import make_valid
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

MOST_POINTS = 20_000


SHAPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")


def polygon_of(area: dict[str, Any]) -> BaseGeometry:
    """The geometry of a GeoJSON Polygon or MultiPolygon. Raises ValueError, with the remedy, where it is none.

    >>> polygon_of({"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 44]]]}).bounds
    (8.0, 44.0, 9.0, 45.0)
    """
    if area.get("type") not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"the area is a {area.get('type')!r}; give a GeoJSON Polygon or MultiPolygon")
    geometry = geometry_of(area)
    if geometry.area == 0:
        raise ValueError("the area has no extent; give a ring that encloses something")
    return geometry


def geometry_of(area: dict[str, Any]) -> BaseGeometry:
    """The geometry of any GeoJSON geometry, points and lines too. Raises ValueError, with the remedy, where it is none.

    >>> geometry_of({"type": "Point", "coordinates": [8, 44]}).bounds
    (8.0, 44.0, 8.0, 44.0)
    """
    parts = area.get("geometries") if area.get("type") == "GeometryCollection" else [area]
    if not isinstance(parts, list) or not all(isinstance(part, dict) and part.get("type") in SHAPES for part in parts):
        raise ValueError(f"the area is a {str(area.get('type'))[:50]!r}; give a GeoJSON geometry")
    if sum(_count_points(part.get("coordinates")) for part in parts) > MOST_POINTS:
        raise ValueError(f"the area has more than {MOST_POINTS:,} points; simplify it")
    try:
        geometry: BaseGeometry = shape(area)
        west, south, east, north = (math.nan,) * 4 if geometry.is_empty else geometry.bounds
        geometry = geometry if geometry.is_valid else make_valid(geometry)
    except (ShapelyError, ArithmeticError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise ValueError(f"the area cannot be read ({error}); give closed rings of [longitude, latitude]") from error
    if not all(map(math.isfinite, (west, south, east, north))):
        raise ValueError("the area is empty; give at least one point or closed ring of [longitude, latitude]")
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("the area leaves the globe; its points are [longitude, latitude] in degrees")
    return geometry


def _count_points(coordinates: Any) -> int:
    if not isinstance(coordinates, list | tuple):
        return 0
    if coordinates and isinstance(coordinates[0], int | float):
        return 1
    return sum(map(_count_points, coordinates))
