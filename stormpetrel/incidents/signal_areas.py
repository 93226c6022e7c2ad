"""The ground that an official signal speaks of, and whether an incident's cells lie on it.

Degrees are WGS 84, longitude first. A ring that spans more than 180 degrees of longitude is taken to go over the 180th
meridian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h3
import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.cell_areas import cell_polygon
from stormpetrel.core.cells import distance_km
from stormpetrel.core.events import Signal

POINT_KM = 100.0  # around a bare point: it stands for an event that is wider than a point
CELL_KM = 26.0  # from the middle of an incident's cell to its corners
MOST_CORNERS = 2_000  # of an outline that is held
COARSER_DEGREES = 0.02  # by which an outline of more corners may be off

Ring = Sequence[tuple[float, float]]
Circle = tuple[float, float, float]


class CellGround:
    """H3 cells as areas are compared with them: the middles in degrees, and the outlines. There is at least one."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.latitudes, self.longitudes = np.array([h3.cell_to_latlng(cell) for cell in cells]).T
        self.outlines = np.array([cell_polygon(cell) for cell in cells], dtype=object)


@dataclass(frozen=True)
class SignalArea:
    """Circles of longitude, latitude and a radius in kilometres, and an outline in degrees."""

    circles: tuple[Circle, ...] = ()
    outline: BaseGeometry | None = None

    def __bool__(self) -> bool:
        return bool(self.circles) or self.outline is not None

    def meets(self, ground: CellGround) -> bool:
        """Whether it covers or touches one of these cells."""
        for longitude, latitude, radius_km in self.circles:
            distances = distance_km(longitude, latitude, ground.longitudes, ground.latitudes)
            if np.min(distances) <= radius_km + CELL_KM:
                return True
        return self.outline is not None and bool(shapely.intersects(self.outline, ground.outlines).any())


def area_of(signal: Signal) -> SignalArea:
    """The polygons and circles of a signal; its point with `POINT_KM` around it, where it has neither. A circle without
    a radius is a point."""
    circles = tuple((longitude, latitude, radius or POINT_KM) for longitude, latitude, radius in signal.circles)
    if not circles and not signal.polygons and signal.point is not None:
        circles = ((*signal.point, POINT_KM),)
    return SignalArea(circles, _outline(signal.polygons) if signal.polygons else None)


def _outline(rings: Sequence[Ring]) -> BaseGeometry:
    outline = shapely.union_all([part for ring in rings for part in _parts(ring)])
    if shapely.get_num_coordinates(outline) > MOST_CORNERS:
        outline = outline.simplify(COARSER_DEGREES)
    return outline.convex_hull if shapely.get_num_coordinates(outline) > MOST_CORNERS else outline


def _parts(ring: Ring) -> list[BaseGeometry]:
    """The ground of a ring, on both sides of the 180th meridian where it comes near it: cells go beyond it."""
    longitudes = [longitude for longitude, _ in ring]
    if max(longitudes) - min(longitudes) > 180:
        ring = [(longitude + 360 if longitude < 0 else longitude, latitude) for longitude, latitude in ring]
    ground = shapely.make_valid(shapely.Polygon(ring))
    west, _, east, _ = ground.bounds
    parts = [ground]
    if east > 180:
        parts.append(translate(ground, -360))
    if west < -179:
        parts.append(translate(ground, 360))
    return parts
