"""From pixels to patches: the descriptors and statistics of every patch of a strip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.imagery.patches import histogram, weber
from stormpetrel.imagery.patches.descriptors import BANDS, QUANTIFICATION
from stormpetrel.imagery.patches.earth_model import EarthModel
from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.imagery.types import Float32, Patch, Strip

SAR_WEIGHT = 0.7
LEAST_VALID = 0.5  # of a patch's pixels in an image; with less, the patch has no descriptor of that image


def unit(counts: NDArray[np.uint32]) -> Float32:
    """Counts as a unit vector: the square root of their shares, so that the cosine of two is their Bhattacharyya
    coefficient (as RootSIFT; Arandjelovic and Zisserman 2012). Zeros stay zeros."""
    total = counts.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.sqrt(counts / np.maximum(total, 1)).astype(np.float32)


def early_fusion(sar: Float32, ms: Float32) -> Float32:
    """Both unit vectors concatenated to one, (272,) for (144,) and (128,). The radar half weighs 70 %: its vectors lie
    closer together, and with equal halves the optical one would decide alone."""
    return np.concatenate([np.sqrt(SAR_WEIGHT) * sar, np.sqrt(1 - SAR_WEIGHT) * ms], axis=-1).astype(np.float32)


def describe(
    strip: Strip, scale_level: int, epsilon: float, offsets: tuple[int, ...], model: EarthModel | None = None
) -> list[Patch]:
    """The patches of one scale level in a strip that are valid for at least half in one of the images.

    `epsilon` is the scene's (see `weber.epsilon_of`), `offsets` are added to the bands' digital numbers.
    """
    area = scale_level * scale_level
    valid_radar = valid_optical = np.zeros(tuple(size // scale_level for size in strip.geobox.shape))
    sar_vectors = ms_vectors = np.empty(0, np.float32)
    if strip.radar is not None:
        valid_radar = block_sums(np.isfinite(strip.radar), scale_level) / area
        sar_vectors = unit(weber.weber(strip.radar, epsilon, scale_level))
    if strip.optical is not None:
        valid_optical = block_sums(np.all([band > 0 for band in strip.optical], axis=0), scale_level) / area
        ms_vectors = unit(histogram.histograms(strip.optical, offsets, scale_level))
    clouds = None if strip.clouds is None else block_sums(strip.clouds, scale_level) / area
    statistics = _statistics(strip, scale_level, offsets)
    patches = []
    for i, j in np.ndindex(valid_radar.shape):
        sar = sar_vectors[i, j] if valid_radar[i, j] >= LEAST_VALID and sar_vectors[i, j].any() else None
        ms = ms_vectors[i, j] if valid_optical[i, j] >= LEAST_VALID else None
        valid = [share[i, j] for share, vector in ((valid_radar, sar), (valid_optical, ms)) if vector is not None]
        if valid:
            patch = Patch(PatchFootprint.at(strip.geobox, scale_level, i, j), (i, j), sar, ms, float(1 - min(valid)))
            patch.fused = early_fusion(sar, ms) if sar is not None and ms is not None else None
            patch.cloud_share = float(clouds[i, j]) if clouds is not None else None
            means = {name: float(values[i, j]) for name, values in statistics.items()}
            patch.statistics = {name: mean for name, mean in means.items() if np.isfinite(mean)}
            patches.append(patch)
    if model is not None:
        accepted = [patch for patch in patches if model.accepts(patch)]
        vectors = model.embed(strip, scale_level, [patch.index for patch in accepted], offsets)
        for patch, vector in zip(accepted, vectors, strict=True):
            patch.earth = vector
    return patches


def _statistics(strip: Strip, scale_level: int, offsets: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
    """Means of each patch: backscatter in decibels (of the linear mean), reflectance of each band."""
    means = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        if strip.radar is not None:
            valid = np.isfinite(strip.radar)
            total = block_sums(np.where(valid, strip.radar, 0), scale_level, np.float64)
            means["backscatter_db"] = np.round(10 * np.log10(total / block_sums(valid, scale_level)), 3)
        for name, band, offset in zip(BANDS, strip.optical or (), offsets, strict=False):
            mean = block_sums(band, scale_level, np.float64) / block_sums(band > 0, scale_level)
            means[name] = np.round((mean + offset) / QUANTIFICATION, 5)
    return means


def block_sums(values: NDArray[np.generic], scale_level: int, dtype: type[np.number[Any]] = np.int64) -> NDArray[Any]:
    """The sum of each whole patch's pixels, (rows, columns)."""
    rows, columns = values.shape[0] // scale_level, values.shape[1] // scale_level
    blocks = values[: rows * scale_level, : columns * scale_level].reshape(rows, scale_level, columns, scale_level)
    return np.asarray(blocks.sum(axis=(1, 3), dtype=dtype))
