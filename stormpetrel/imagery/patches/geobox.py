"""The ground as squares of UTM zones: the same square has the same name in every scene and at every date.

Squares of all sizes start at the zone's corner (easting 0, northing 0), so that a coarse one holds whole finer ones:
480 px holds 2 x 2 of 240 px, and each of these 2 x 2 of 120 px. Arrays are north up; rows of *squares* count
northwards, as northings do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

RESOLUTION = 10.0  # metres
SLACK = 60.0  # metres: what bounds that come from degrees may be too large by
SCALE_LEVELS = (480, 240, 120)  # px, coarse to fine


def utm_epsg(longitude: float, latitude: float) -> int:
    """The EPSG code of the UTM zone (WGS 84) of a point; the zones' exceptions in Norway and Svalbard are not made.

    >>> utm_epsg(8.9, 44.4), utm_epsg(-180, -17), utm_epsg(179.99, -17)
    (32632, 32701, 32760)
    """
    zone = min(60, int(((longitude + 180) % 360) // 6) + 1)
    return (32600 if latitude >= 0 else 32700) + zone


@dataclass(frozen=True)
class GeoBox:
    """A rectangle of whole coarse squares in a UTM zone; metres, `north` is its upper edge."""

    epsg: int
    west: float
    north: float
    width: int
    height: int
    step: int = SCALE_LEVELS[0]

    @property
    def crs(self) -> CRS:
        from rasterio.crs import CRS  # 20 MiB that the API, which only names squares, does without

        return CRS.from_epsg(self.epsg)

    @property
    def transform(self) -> Affine:
        """From (column, row) of pixels to (easting, northing)."""
        from affine import Affine

        return Affine(RESOLUTION, 0, self.west, 0, -RESOLUTION, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        return (self.west, self.north - self.height * RESOLUTION, self.west + self.width * RESOLUTION, self.north)

    def strips(self, height: int) -> Iterator[GeoBox]:
        """From north to south, each of at most `height` pixels (whole coarse squares)."""
        height = max(self.step, height // self.step * self.step)
        for top in range(0, self.height, height):
            yield GeoBox(
                self.epsg,
                self.west,
                self.north - top * RESOLUTION,
                self.width,
                min(height, self.height - top),
                self.step,
            )

    def columns(self, first: int, width: int) -> GeoBox:
        """The part from a column of pixels on."""
        return GeoBox(self.epsg, self.west + first * RESOLUTION, self.north, width, self.height, self.step)

    def footprint(self, side: int, i: int, j: int) -> PatchFootprint:
        """The square whose pixels are array rows `i * side` on and columns `j * side` on."""
        size = side * RESOLUTION
        row = round(self.north / size) - 1 - i
        return PatchFootprint(self.epsg, side, row, round(self.west / size) + j)


@dataclass(frozen=True)
class PatchFootprint:
    """One square of a zone."""

    epsg: int
    side: int
    row: int
    column: int

    @property
    def name(self) -> str:
        """As it stands in ids of patches.

        >>> Square(32632, 120, 4098, 411).name
        '32632/g120/r4098c0411'
        """
        return f"{self.epsg}/g{self.side}/r{self.row:04d}c{self.column:04d}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        size = self.side * RESOLUTION
        return (self.column * size, self.row * size, (self.column + 1) * size, (self.row + 1) * size)


@dataclass(frozen=True)
class Outline:
    """Where a square lies, (longitude, latitude): its middle, and its corners, closed, counter-clockwise."""

    centre: tuple[float, float]
    ring: tuple[tuple[float, float], ...]


def outlines_of(footprints: Sequence[PatchFootprint]) -> list[Outline]:
    """The outlines of squares of one zone, in one transformation: one a square takes seconds for a tile."""
    xs: list[float] = []
    ys: list[float] = []
    for footprint in footprints:
        west, south, east, north = footprint.bounds
        xs += [(west + east) / 2, west, east, east, west]
        ys += [(south + north) / 2, south, south, north, north]
    points = to_degrees(footprints[0].epsg, xs, ys) if footprints else []
    found = []
    for first in range(0, len(points), 5):
        centre, *corners = points[first : first + 5]
        found.append(Outline(centre, (*corners, corners[0])))
    return found


def to_degrees(epsg: int, xs: list[float], ys: list[float]) -> list[tuple[float, float]]:
    """(longitude, latitude) of points of a zone, longitudes from -180 to 180."""
    from rasterio.crs import CRS
    from rasterio.warp import transform

    longitudes, latitudes = transform(CRS.from_epsg(epsg), CRS.from_epsg(4326), xs, ys)
    return [(round((lon + 180) % 360 - 180, 7), round(lat, 7)) for lon, lat in zip(longitudes, latitudes, strict=True)]


def geobox_around(epsg: int, bounds: tuple[float, float, float, float], step: int = SCALE_LEVELS[0]) -> GeoBox:
    """The smallest frame of whole coarse squares around bounds in metres, but for `SLACK` at its edges."""
    size = step * RESOLUTION
    west, south = (math.floor((bound + SLACK) / size) * size for bound in bounds[:2])
    east, north = (math.ceil((bound - SLACK) / size) * size for bound in bounds[2:])
    return GeoBox(epsg, west, north, round((east - west) / RESOLUTION), round((north - south) / RESOLUTION), step)
