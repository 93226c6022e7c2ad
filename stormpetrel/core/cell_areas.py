"""H3 cells as polygons: longitude and latitude in degrees, WGS 84. What lies over the 180th meridian goes beyond it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import h3
import shapely

GRID_DEGREES = 1e-6  # corners of neighbouring cells agree to less than this


@lru_cache(20_000)
def cell_polygon(cell: str) -> shapely.Polygon:
    """The outline of a cell, counter-clockwise."""
    corners = [(longitude, latitude) for latitude, longitude in h3.cell_to_boundary(cell)]
    if max(corners)[0] - min(corners)[0] > 180:
        corners = [(longitude + 360 if longitude < 0 else longitude, latitude) for longitude, latitude in corners]
    return shapely.Polygon(corners)


def ground_of(cells: Iterable[str]) -> shapely.geometry.base.BaseGeometry:
    """The ground that cells cover together."""
    return shapely.union_all([cell_polygon(cell) for cell in cells], grid_size=GRID_DEGREES)
