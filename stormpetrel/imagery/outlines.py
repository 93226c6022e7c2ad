"""The outlines of patches, scenes and products on the globe, as GeoJSON has them (RFC 7946)."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.ports import Document
from stormpetrel.imagery.pairing import split_at_antimeridian


def outline_of(document: Document) -> BaseGeometry:
    """The outline of a patch, a scene or a product, in degrees; in two parts where it crosses the antimeridian."""
    if "ring" not in document:
        return shapely.geometry.shape(document["footprint"])
    outline = shapely.Polygon(document["ring"])
    west, _, east, _ = outline.bounds
    return split_at_antimeridian(outline) if east > 180 or west < -180 or east - west > 180 else outline


def geojson_of(document: Document) -> dict[str, Any]:
    """The same as GeoJSON."""
    outline = outline_of(document)
    return document["footprint"] if "ring" not in document else dict(shapely.geometry.mapping(outline))


def bounds_of(geometry: dict[str, Any]) -> list[float]:
    """(west, south, east, north); west is larger than east where it crosses the antimeridian (RFC 7946, 5.2)."""
    lons, lats = shapely.get_coordinates(shapely.geometry.shape(geometry)).T
    if np.ptp(lons) > 180:
        return [float(bound) for bound in (lons[lons > 0].min(), lats.min(), lons[lons < 0].max(), lats.max())]
    return [float(bound) for bound in (lons.min(), lats.min(), lons.max(), lats.max())]
