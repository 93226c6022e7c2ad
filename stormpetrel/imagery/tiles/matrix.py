"""The matrix of tiles that web maps share: WebMercatorQuad of OGC 17-083r4, which WMTS 1.0.0 calls
GoogleMapsCompatible. Tiles have 256 x 256 px in EPSG:3857; columns count eastwards from the antimeridian, rows
southwards from 85.05 degrees north.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stormpetrel.core.errors import BadQuery

DEEPEST = 24
SIDE = 256  # px
EDGE = 20_037_508.342789244  # metres from the middle of the map to each of its edges
SCALE = 559_082_264.0287178  # denominator of zoom 0: a pixel has .28 mm (WMTS 1.0.0, annex E.4)


@dataclass(frozen=True)
class TileAddress:
    """A tile of the matrix."""

    zoom: int
    column: int
    row: int

    @classmethod
    def checked(cls, zoom: int, column: int, row: int) -> TileAddress:
        """Raises BadQuery where the matrix has no such tile."""
        if not 0 <= zoom <= DEEPEST:
            raise BadQuery("z", f"there is no zoom {zoom}", f"Ask for a zoom from 0 to {DEEPEST}")
        last = 2**zoom - 1
        for field, name, number in (("x", "columns, eastwards from 180° W", column), ("y", "rows, southwards", row)):
            if not 0 <= number <= last:
                raise BadQuery(field, "no such tile is there", f"Zoom {zoom} has {name}: send 0 to {last}")
        return cls(zoom, column, row)

    @property
    def latitude(self) -> float:
        """Of its middle, degrees.

        >>> TileAddress(0, 0, 0).latitude
        0.0
        """
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (self.row + 0.5) / 2**self.zoom))))

    @property
    def pixel_m(self) -> float:
        """The side of a pixel on the ground, in metres."""
        return 2 * EDGE / SIDE / 2**self.zoom * math.cos(math.radians(self.latitude))
