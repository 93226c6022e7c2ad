"""How far two registered images are still apart: phase correlation of their edges (Guizar-Sicairos et al. 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 384  # px
MOST_BLOCKS = 10
FARTHEST = 16.0  # px; a larger shift is a chance peak
AGREE = 1.5  # px from the median


@dataclass(frozen=True)
class Shift:
    """`east` and `north` in pixels: how far the radar image lies from the optical one. `certainty` is the share of
    blocks that agree with it to 1.5 px."""

    east: float
    north: float
    certainty: float
    blocks: int


def edges(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The strength of edges after smoothing, with the same weight for dark and bright ones; 0 where nothing is
    known."""
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

    known = np.isfinite(image)
    filled = np.where(known, image, np.nanmedian(image) if known.any() else 0).astype(np.float32)
    found = gaussian_gradient_magnitude(filled, 2.0)
    found[gaussian_filter((~known).astype(np.float32), 3.0) > 1e-3] = 0
    return np.asarray(found / (np.percentile(found, 95) + 1e-9), dtype=np.float32).clip(0, 1)


def block_shift(radar: NDArray[np.float32], optical: NDArray[np.float32]) -> tuple[float, float] | None:
    """(east, north) in pixels of one block: radar in decibels, optical a band in which water is dark (B08). None
    where a block has too few known pixels, or a chance peak."""
    from skimage.registration import phase_cross_correlation

    if min(np.isfinite(radar).mean(), np.isfinite(optical).mean()) < 0.9:
        return None
    taper = np.outer(np.hanning(radar.shape[0]), np.hanning(radar.shape[1]))
    first, second = (edges(image) for image in (optical, radar))
    down, right = phase_cross_correlation(
        (first - first.mean()) * taper, (second - second.mean()) * taper, upsample_factor=10, normalization=None
    )[0]
    # The shift moves the radar image onto the optical one; it lies the other way.
    east, north = float(-right), float(down)
    return (east, north) if max(abs(east), abs(north)) <= FARTHEST else None


def agreed(shifts: list[tuple[float, float]]) -> Shift | None:
    """What most blocks say: their median, of those that agree with it. None without any block."""
    if not shifts:
        return None
    found = np.array(shifts)
    near = np.abs(found - np.median(found, axis=0)).max(axis=1) <= AGREE
    if not near.any():
        east, north = np.median(found, axis=0)
        return Shift(float(east), float(north), 0.0, len(found))
    east, north = np.median(found[near], axis=0)
    return Shift(float(east), float(north), float(near.mean()), len(found))
