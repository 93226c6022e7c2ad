"""Exclusion masks from the user's rasters: permanent water, slopes too steep for standing water, and high ground.

A slope that faces away from the radar is as dark as water, permanent water is no flood, and neither is water high above
the nearest stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.files import open_raster, warped
from stormpetrel.imagery.types import Float32, Mask


@dataclass(frozen=True)
class ExclusionMasks:
    """`permanent_water` is a raster in which water is not 0 (as in the Global Surface Water layers); `slope` one of
    degrees; `hand` one of metres above the nearest stream (`stormpetrel imagery prior` makes both). Any coordinate
    system and resolution will do; where a raster knows nothing, nothing is excluded."""

    permanent_water: Path | None = None
    slope: Path | None = None
    hand: Path | None = None
    steepest: float = 8.0
    highest: float = 15.0  # metres, as Twele et al. 2016

    def permanent(self, geobox: GeoBox) -> Mask | None:
        """Where water is permanent; None without a raster. Raises BadProduct where it cannot be read."""
        return None if self.permanent_water is None else _read(self.permanent_water, geobox) > 0

    def steep(self, geobox: GeoBox) -> Mask | None:
        """Where the slope is too steep; None without a raster. Raises BadProduct where it cannot be read."""
        return None if self.slope is None else _read(self.slope, geobox) > self.steepest

    def high(self, geobox: GeoBox) -> Mask | None:
        """Where ground is too high for a flood; None without a raster. Raises BadProduct where it cannot be read."""
        return None if self.hand is None else _read(self.hand, geobox) > self.highest


def _read(path: Path, geobox: GeoBox) -> Float32:
    with open_raster(str(path), any_format=True) as dataset:
        if dataset.crs is None:
            raise BadProduct(f"the mask {path.name} has no coordinate system")
        with warped(dataset, geobox) as raster:
            return np.asarray(raster.read(1, masked=True, out_dtype="float32").filled(0))
