"""Areas of CAP alerts: closed polygons of `latitude,longitude` pairs, or a circle."""

from __future__ import annotations

from collections.abc import Sequence

import h3
import shapely

from stormpetrel.core.cell_areas import cell_polygon, ground_of
from stormpetrel.core.cells import distance_km

MOST_POLYGONS = 20
MOST_CORNERS = 200  # of one polygon; one with more becomes its convex hull, which covers a little more
LEAST_RADIUS_KM = 2.0


def polygons_of(cells: Sequence[str]) -> list[str]:
    """The outlines of the ground that these H3 cells cover, without holes. None where it crosses the antimeridian or
    lies in more than MOST_POLYGONS parts: there a circle serves."""
    if not cells or any(cell_polygon(cell).bounds[2] > 180 for cell in cells):
        return []
    whole = ground_of(cells)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and not part.is_empty]
    if not 0 < len(parts) <= MOST_POLYGONS or whole.bounds[2] - whole.bounds[0] > 180:
        return []
    return [_closed(part) for part in parts]


def _closed(part: shapely.Polygon) -> str:
    ring = part.exterior if len(part.exterior.coords) <= MOST_CORNERS else part.convex_hull.exterior
    pairs = [f"{latitude:.5f},{longitude:.5f}" for longitude, latitude in ring.coords]
    return " ".join([*pairs[:-1], pairs[0]])


def circle_of(longitude: float, latitude: float, cells: Sequence[str]) -> str:
    """`latitude,longitude radius` around a point, as wide in kilometres as the cells reach."""
    centres = [h3.cell_to_latlng(cell) for cell in cells]
    reach = 0.0
    if centres:
        reach = float(distance_km(longitude, latitude, [lon for _, lon in centres], [lat for lat, _ in centres]).max())
        reach += max(float(h3.average_hexagon_edge_length(h3.get_resolution(cell), "km")) for cell in cells)
    return f"{latitude:.5f},{longitude:.5f} {max(reach, LEAST_RADIUS_KM):.1f}"
