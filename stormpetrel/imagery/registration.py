"""The residual shift of two registered images: phase correlation of their edges (Guizar-Sicairos et al. 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 384  # px
MOST_BLOCKS = 10
LARGEST_SHIFT = 16.0  # px; a larger shift is a chance peak
TOLERANCE = 1.5  # px from the median


@dataclass(frozen=True)
class Shift:
    """The radar image's offset from the optical one, in pixels eastwards and northwards. `certainty` is the share of
    blocks that agree with it to 1.5 px."""

    east: float
    north: float
    certainty: float
    blocks: int


def edges(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The strength of edges after smoothing, with the same weight for dark and bright ones; 0 at nodata."""
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

    valid = np.isfinite(image)
    filled = np.where(valid, image, np.nanmedian(image) if valid.any() else 0).astype(np.float32)
    strength = gaussian_gradient_magnitude(filled, 2.0)
    strength[gaussian_filter((~valid).astype(np.float32), 3.0) > 1e-3] = 0
    return np.asarray(strength / (np.percentile(strength, 95) + 1e-9), dtype=np.float32).clip(0, 1)


def block_shift(radar: NDArray[np.float32], optical: NDArray[np.float32]) -> tuple[float, float] | None:
    """(east, north) in pixels of one block: radar in decibels, optical a band in which water is dark (B08). None
    where a block has too few valid pixels, or only a chance peak."""
    from skimage.registration import phase_cross_correlation

    if min(np.isfinite(radar).mean(), np.isfinite(optical).mean()) < 0.9:
        return None
    taper = np.outer(np.hanning(radar.shape[0]), np.hanning(radar.shape[1]))
    first, second = (edges(image) for image in (optical, radar))
    down, right = phase_cross_correlation(
        (first - first.mean()) * taper, (second - second.mean()) * taper, upsample_factor=10, normalization=None
    )[0]
    # The library's shift moves the radar image onto the optical one: the opposite of its offset.
    east, north = float(-right), float(down)
    return (east, north) if max(abs(east), abs(north)) <= LARGEST_SHIFT else None


def consensus_shift(block_shifts: list[tuple[float, float]]) -> Shift | None:
    """The median of the blocks that agree with the median of all; of all where none does. None without any block."""
    if not block_shifts:
        return None
    shifts = np.array(block_shifts)
    near = np.abs(shifts - np.median(shifts, axis=0)).max(axis=1) <= TOLERANCE
    east, north = np.median(shifts[near] if near.any() else shifts, axis=0)
    return Shift(float(east), float(north), float(near.mean()), len(shifts))
