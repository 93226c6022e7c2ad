"""Radar images with a mask of water, in folders laid out like `s1s2_spain_flood_2019`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from stormpetrel.imagery.types import Float32, Mask
from stormpetrel.imagery.water.water_model import digest_of

POLARISATIONS = ("VV", "VH")  # a file's bands, in their order
GREEN = 3
SHORT_WAVE_INFRARED = {12: 11, 13: 12}  # B11's position in a file of so many bands: with B10, or without
# Of the one set at hand whose mask is NDWI's: over the whole chip, as its README has it.
NDWI_MASK = "NDWI of the next day, which agrees with a mask drawn by hand by an IoU of .68"
DRAWN_MASK = "the mask beside the image"


@dataclass(frozen=True)
class WaterImage:
    """One radar image with its mask. `backscatter` is linear, one (height, width) a polarisation; `truth` is 1 for
    water, 0 for land, negative where nobody knows; `against` says what made the mask."""

    name: str
    backscatter: tuple[Float32, ...]
    truth: NDArray[Any]
    against: str
    optical: Path | None = None

    @property
    def polarisations(self) -> tuple[str, ...]:
        return POLARISATIONS[: len(self.backscatter)]

    @property
    def water(self) -> Mask:
        return np.asarray(self.truth == 1)

    @property
    def valid(self) -> Mask:
        return np.asarray((self.truth >= 0) & np.isfinite(self.backscatter[0]))

    @cached_property
    def digest(self) -> str:
        return digest_of(self.backscatter)

    def mndwi(self) -> Float32 | None:
        """MNDWI of the optical image (Xu 2006), (height, width), NaN is nodata; None without short-wave infrared. NDWI
        is not asked: where the mask is NDWI's, it would judge itself."""
        if self.optical is None:
            return None
        with rasterio.open(self.optical) as dataset:
            if dataset.count not in SHORT_WAVE_INFRARED:
                return None
            positions = (GREEN, SHORT_WAVE_INFRARED[dataset.count])
            green, infrared = (dataset.read(position).astype(np.float32) for position in positions)
        seen = (green > 0) & (infrared > 0)
        return np.where(seen, (green - infrared) / np.where(seen, green + infrared, 1), np.float32(np.nan))


def water_images(folder: Path) -> Iterator[WaterImage]:
    """The images of a folder that have a mask: `NAME_S1.tif` (decibels) beside `NAME_*water*.tif` or
    `NAME_*label*.tif`, and perhaps `NAME_S2.tif`."""
    for path in sorted(folder.glob("*_S1.tif")):
        name = path.stem.removesuffix("_S1")
        masks = sorted(folder.glob(f"{name}_*water*.tif")) + sorted(folder.glob(f"{name}_*abel*.tif"))
        if not masks:
            continue
        with rasterio.open(path) as dataset:
            decibels = dataset.read(list(range(1, min(2, dataset.count) + 1)))
        with rasterio.open(masks[0]) as dataset:
            truth = dataset.read(1)
        optical = folder / f"{name}_S2.tif"
        yield WaterImage(
            name,
            tuple(np.asarray(10 ** (band / 10), dtype=np.float32) for band in decibels),
            truth,
            NDWI_MASK if "ndwi" in masks[0].stem else DRAWN_MASK,
            optical if optical.is_file() else None,
        )
