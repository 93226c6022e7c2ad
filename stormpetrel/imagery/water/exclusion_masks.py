"""Rasters of the ground that a user gives: where water always is, and where it is too steep for any.

A slope that looks away from the radar is as dark as water, and a river that is always there is no flood.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.geobox import GeoBox
from stormpetrel.imagery.readers.files import opened, readable

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroundMasks:
    """`permanent_water` is a raster in which water is not 0 (as in the Global Surface Water layers); `slope` one of
    degrees. Any coordinate system and resolution will do."""

    permanent_water: Path | None = None
    slope: Path | None = None
    steepest: float = 8.0

    def permanent(self, geobox: GeoBox) -> Mask | None:
        """Where water always is; None where no raster is given. Raises BadProduct where it cannot be read."""
        return None if self.permanent_water is None else _onto(self.permanent_water, geobox) > 0

    def steep(self, geobox: GeoBox) -> Mask | None:
        """Where the ground is too steep; None where no raster is given. Raises BadProduct where it cannot be read."""
        return None if self.slope is None else _onto(self.slope, geobox) > self.steepest


def _onto(path: Path, geobox: GeoBox) -> NDArray[np.float32]:
    with opened(str(path)) as dataset, readable():
        if dataset.crs is None:
            raise BadProduct(f"the mask {path.name} has no coordinate system")
        with WarpedVRT(
            dataset,
            crs=geobox.crs,
            transform=geobox.transform,
            width=geobox.width,
            height=geobox.height,
            resampling=Resampling.nearest,
        ) as warped:
            found: NDArray[np.float32] = warped.read(1, masked=True, out_dtype="float32").filled(0)
            return found
