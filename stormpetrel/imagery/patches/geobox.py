"""Pixel grids in UTM zones, and the patches' footprints: a patch has the same name in every scene and at every date.

Patches of all scale levels start at the zone's corner (easting 0, northing 0), so that a coarse one contains whole
finer ones: 480 px contains 2 x 2 of 240 px, and each of these 2 x 2 of 120 px. Arrays are north up; rows of *patches*
count northwards, as northings do.

odc-geo is imported only where a geo box is made: the API, which only names patches, does without its 46 MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RESOLUTION = 10.0  # metres
SLACK = 60.0  # metres that bounds from degrees may be too large by
SCALE_LEVELS = (480, 240, 120)  # px, coarse to fine


def utm_epsg(longitude: float, latitude: float) -> int:
    """The EPSG code of the UTM zone (WGS 84) of a point, without the exceptions for Norway and Svalbard; the upper zone
    where it is on the edge of two, unlike odc-geo's CRS.utm.

    >>> utm_epsg(8.9, 44.4), utm_epsg(-180, -17), utm_epsg(179.99, -17)
    (32632, 32701, 32760)
    """
    zone = min(60, int(((longitude + 180) % 360) // 6) + 1)
    return (32600 if latitude >= 0 else 32700) + zone


def geobox_around(epsg: int, bounds: tuple[float, float, float, float]) -> GeoBox:
    """The smallest geo box of whole patches of the coarsest level around bounds in metres (west, south, east, north),
    which may reach `SLACK` over its edges."""
    from odc.geo.geobox import GeoBox

    size = SCALE_LEVELS[0] * RESOLUTION
    coarse = GeoBox.from_bbox(bounds, f"EPSG:{epsg}", resolution=size, tol=SLACK / size)
    return coarse.zoom_to(resolution=RESOLUTION)


def epsg_of(geobox: GeoBox) -> int:
    """The EPSG code of a geo box's UTM zone."""
    assert geobox.crs is not None and geobox.crs.epsg is not None
    return geobox.crs.epsg


@dataclass(frozen=True)
class PatchFootprint:
    """A patch's position in its zone: `row` northwards and `column` eastwards, in patches of `scale_level` px."""

    epsg: int
    scale_level: int
    row: int
    column: int

    @classmethod
    def at(cls, geobox: GeoBox, scale_level: int, i: int, j: int) -> PatchFootprint:
        """The patch at array rows `i * scale_level` on and columns `j * scale_level` on of a geo box."""
        size, corner = scale_level * RESOLUTION, geobox.transform
        return cls(epsg_of(geobox), scale_level, round(corner.f / size) - 1 - i, round(corner.c / size) + j)

    @property
    def name(self) -> str:
        """The end of a patch's id.

        >>> PatchFootprint(32632, 120, 4098, 411).name
        '32632/g120/r4098c0411'
        """
        return f"{self.epsg}/g{self.scale_level}/r{self.row:04d}c{self.column:04d}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        size = self.scale_level * RESOLUTION
        return (self.column * size, self.row * size, (self.column + 1) * size, (self.row + 1) * size)


@dataclass(frozen=True)
class Outline:
    """A patch's centre and its corners, closed, counter-clockwise; points are (longitude, latitude)."""

    centre: tuple[float, float]
    ring: tuple[tuple[float, float], ...]


def outlines_of(footprints: Sequence[PatchFootprint]) -> list[Outline]:
    """The outlines of patches of one zone, longitudes from -180 to 180, in one transformation: one for each patch takes
    seconds for a tile."""
    if not footprints:
        return []
    from rasterio.crs import CRS
    from rasterio.warp import transform

    metres = []
    for footprint in footprints:
        west, south, east, north = footprint.bounds
        centre = ((west + east) / 2, (south + north) / 2)
        metres += [centre, (west, south), (east, south), (east, north), (west, north)]
    xs, ys = zip(*metres, strict=True)
    degrees = zip(*transform(CRS.from_epsg(footprints[0].epsg), CRS.from_epsg(4326), xs, ys), strict=True)
    points = [(round((longitude + 180) % 360 - 180, 7), round(latitude, 7)) for longitude, latitude in degrees]
    corners = (points[first : first + 5] for first in range(0, len(points), 5))
    return [Outline(centre, (*ring, ring[0])) for centre, *ring in corners]
