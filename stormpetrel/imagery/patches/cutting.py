"""From pixels to patches: the descriptors and shares of every square of a strip of ground."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stormpetrel.imagery.patches import histogram, weber
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.earth_model import EarthModel
from stormpetrel.imagery.patches.geobox import GeoBox, Outline, PatchFootprint
from stormpetrel.imagery.water.detection import block_sums

Float32 = NDArray[np.float32]
SAR_SAY = 0.7
LEAST_KNOWN = 0.5  # of a square's pixels in an image; with less, that half of the patch is missing


@dataclass(frozen=True)
class Strip:
    """What the images show of a strip: linear backscatter (NaN: none), digital numbers of B02, B03, B04, B08 (0: none)
    and where clouds are."""

    geobox: GeoBox
    radar: Float32 | None = None
    optical: list[NDArray[np.uint16]] | None = None
    clouds: NDArray[np.bool_] | None = None


@dataclass
class Patch:
    """A square with its descriptors: unit vectors, or None where the image does not know at least half of it."""

    footprint: PatchFootprint
    place: tuple[int, int]  # (row, column) of the square in its frame's arrays, in squares
    sar: Float32 | None
    ms: Float32 | None
    fused: Float32 | None
    nodata_share: float
    cloud_share: float | None
    statistics: dict[str, float] = field(default_factory=dict)
    outline: Outline | None = None
    earth: Float32 | None = None  # the embedding of an Earth-observation model, where one is configured


def unit(counts: NDArray[np.uint32]) -> Float32:
    """Counts as a unit vector: the square root of their shares, so that the cosine of two is their Bhattacharyya
    coefficient (as RootSIFT; Arandjelovic and Zisserman 2012). Zeros stay zeros."""
    total = counts.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.sqrt(counts / np.maximum(total, 1)).astype(np.float32)


def fused(sar: Float32, ms: Float32) -> Float32:
    """Early fusion: both unit vectors joined to one, (272,) for (144,) and (128,). The radar half has 70 % of the say:
    its vectors lie closer together, and with halves alike the optical one would decide alone."""
    return np.concatenate([np.sqrt(SAR_SAY) * sar, np.sqrt(1 - SAR_SAY) * ms], axis=-1).astype(np.float32)


def describe(
    strip: Strip, side: int, epsilon: float, offsets: tuple[int, ...], model: EarthModel | None = None
) -> list[Patch]:
    """The patches of one size in a strip; a square that no image knows at least half of is none."""
    geobox, area = strip.geobox, side * side
    shape = (geobox.height // side, geobox.width // side)
    known_radar = block_sums(np.isfinite(strip.radar), side) / area if strip.radar is not None else np.zeros(shape)
    known_optical = (
        block_sums(np.all([band > 0 for band in strip.optical], axis=0), side) / area
        if strip.optical is not None
        else np.zeros(shape)
    )
    sar = unit(weber.weber(strip.radar, epsilon, side)) if strip.radar is not None else None
    ms = unit(histogram.histograms(strip.optical, offsets, side)) if strip.optical is not None else None
    clouds = block_sums(strip.clouds, side) / area if strip.clouds is not None else None
    statistics = _statistics(strip, side, offsets)
    found = []
    for i, j in np.argwhere(np.maximum(known_radar, known_optical) >= LEAST_KNOWN):
        one = sar[i, j] if sar is not None and known_radar[i, j] >= LEAST_KNOWN and sar[i, j].any() else None
        two = ms[i, j] if ms is not None and known_optical[i, j] >= LEAST_KNOWN else None
        if one is None and two is None:
            continue
        known = [share[i, j] for share, half in ((known_radar, one), (known_optical, two)) if half is not None]
        found.append(
            Patch(
                geobox.footprint(side, int(i), int(j)),
                (int(i), int(j)),
                one,
                two,
                fused(one, two) if one is not None and two is not None else None,
                float(1 - min(known)),
                float(clouds[i, j]) if clouds is not None else None,
                {name: float(values[i, j]) for name, values in statistics.items() if np.isfinite(values[i, j])},
            )
        )
    if model is not None:
        taken = [patch for patch in found if model.takes(patch)]
        vectors = model.embed(strip, side, [patch.place for patch in taken], offsets)
        for patch, vector in zip(taken, vectors, strict=True):
            patch.earth = vector
    return found


def _statistics(strip: Strip, side: int, offsets: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
    """Means of each square: backscatter in decibels (of the linear mean), reflectance of each band."""
    found = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        if strip.radar is not None:
            known = np.isfinite(strip.radar)
            total = _block_totals(np.where(known, strip.radar, 0), side)
            found["backscatter_db"] = np.round(10 * np.log10(total / block_sums(known, side)), 3)
        for name, band, offset in zip(BANDS, strip.optical or (), offsets, strict=False):
            total = _block_totals(band, side)
            found[name] = np.round((total / block_sums(band > 0, side) + offset) / histogram.QUANTIFICATION, 5)
    return found


def _block_totals(values: NDArray[np.generic], side: int) -> NDArray[np.float64]:
    rows, columns = values.shape[0] // side, values.shape[1] // side
    cut = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(cut.sum(axis=(1, 3), dtype=np.float64))
