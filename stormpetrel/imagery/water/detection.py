"""Water, and water that is new: radar backscatter and NDWI, each against an earlier image of the same ground.

Open water is smooth and throws the radar's pulse away: it is dark. NDWI, (B03 - B08) / (B03 + B08) (McFeeters 1996), is
high where it is. Both thresholds are the minimum-error one (Kittler and Illingworth 1986) of those tiles that hold both
water and land (chosen by tiles as Martinis et al. 2009 do, so that little water in a large scene is found too); their
median holds for the scene. In radar, what is below the threshold is a seed, and grows over what is connected to it
and less than 3 dB brighter: wind roughens a lake, and its dark parts tell that it is one.

New water is water now that was none before, where both images know; in radar it must also have become darker by 3 dB,
so that a field that lies at the threshold on both days is not new water. Levels are kept in one byte a pixel, so that a
whole scene fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import remove_small_objects

Mask = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]
UNKNOWN = np.uint8(255)
DECIBELS = (-40.0, 0.2)  # the first level, and the step of one
NDWI = (-1.0, 0.01)
TILE = 60  # px
BAND = 960  # px; masks are grown and cleaned by bands of rows, which bounds what is in memory
GROWS = 3.0  # dB
DARKER = 3.0  # dB
SMALLEST = 16  # px; what is smaller is speckle
LOOKS_WINDOW = 3  # px, averaged against speckle
APART = 2.0  # Ashman's D from which two modes are two


@dataclass(frozen=True)
class Modes:
    """What two modes must be to be water and land: the least difference of their means, where water's mean and the
    threshold may lie, and the threshold of a scene in which no tile holds both."""

    apart: float
    water: tuple[float, float]
    threshold: tuple[float, float]
    default: float


RADAR = Modes(4.0, (-99.0, -17.0), (-22.0, -13.0), -16.0)  # dB, sigma nought of VV
OPTICAL = Modes(0.2, (-0.1, 1.0), (-0.2, 0.2), 0.0)  # NDWI


@dataclass(frozen=True)
class Water:
    """Where water is, where anything is known, the threshold, and how far the two modes are apart (0 to 1)."""

    mask: Mask
    known: Mask
    threshold: float
    confidence: float


def decibel_levels(intensity: NDArray[np.float32]) -> UInt8:
    """Linear backscatter, averaged over 3 x 3 pixels against speckle, as levels of 0.2 dB from -40 dB; 255 is
    nodata."""
    known = np.isfinite(intensity)
    filled = np.where(known, intensity, 0).astype(np.float32)
    weight = uniform_filter(known.astype(np.float32), LOOKS_WINDOW, mode="nearest")
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(uniform_filter(filled, LOOKS_WINDOW, mode="nearest") / weight)
    return _levels(decibels, known, DECIBELS)


def ndwi_levels(green: NDArray[np.uint16], infrared: NDArray[np.uint16], offsets: tuple[int, int]) -> UInt8:
    """NDWI of digital numbers as levels of 0.01 from -1; 255 is nodata. `offsets` are B03's and B08's."""
    known = (green > 0) & (infrared > 0)
    g, n = (
        np.maximum(band.astype(np.float32) + offset, 1) for band, offset in zip((green, infrared), offsets, strict=True)
    )
    return _levels((g - n) / (g + n), known, NDWI)


def _levels(values: NDArray[np.float32], known: Mask, scale: tuple[float, float]) -> UInt8:
    first, step = scale
    with np.errstate(invalid="ignore"):
        found = np.clip(np.nan_to_num((values - first) / step, nan=0, neginf=0), 0, 254).astype(np.uint8)
    found[~known] = UNKNOWN
    return found


@dataclass(frozen=True)
class Splits:
    """Histograms in two, one value a histogram: the last level of the lower mode (-1 where there is but one mode),
    Ashman's D, and both means, in levels."""

    level: NDArray[np.int64]
    apart: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def minimum_error_splits(histograms: NDArray[np.integer[Any]], at_once: int = 2048) -> Splits:
    """The split of each histogram, (n, levels).

    Kittler and Illingworth (1986): the least of 1 + 2 (P1 ln s1 + P2 ln s2) - 2 (P1 ln P1 + P2 ln P2) over all levels;
    a mode with less than 2 % of all is none.
    """
    parts = [_splits(histograms[start : start + at_once]) for start in range(0, max(1, len(histograms)), at_once)]
    return Splits(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _splits(histograms: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], ...]:
    weights = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1)
    levels = np.arange(weights.shape[1])
    low, low_mean, low_square = (np.cumsum(weights * part, axis=1) for part in (1, levels, levels**2))
    high, high_mean, high_square = (part[:, -1:] - part for part in (low, low_mean, low_square))
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = low_mean / low, high_mean / high
        spread1 = np.sqrt(np.maximum(low_square / low - first**2, 0.08))
        spread2 = np.sqrt(np.maximum(high_square / high - second**2, 0.08))
        error = 1 + 2 * (low * np.log(spread1) + high * np.log(spread2)) - 2 * (low * np.log(low) + high * np.log(high))
    error[(low < 0.02) | (high < 0.02) | ~np.isfinite(error)] = np.inf
    best = np.argmin(error, axis=1)
    at = (np.arange(len(best)), best)
    with np.errstate(invalid="ignore"):
        apart = np.sqrt(2) * (second[at] - first[at]) / np.sqrt(spread1[at] ** 2 + spread2[at] ** 2)
    return np.where(np.isfinite(error[at]), best, -1), apart, first[at], second[at]


def _tile_histograms(levels: UInt8) -> NDArray[np.int32]:
    """Counts of the levels 0 to 254 of each whole tile that is known for a quarter at least, (n, 255)."""
    rows, columns = levels.shape[0] // TILE, levels.shape[1] // TILE
    found = np.empty((rows, columns, 256), dtype=np.int32)
    offsets = np.repeat(np.arange(columns) * 256, TILE)
    for row in range(rows):
        line = levels[row * TILE : (row + 1) * TILE, : columns * TILE] + offsets
        found[row] = np.bincount(line.ravel(), minlength=columns * 256).reshape(columns, 256)
    counts = found.reshape(-1, 256)[:, :255]
    return counts[counts.sum(axis=1) >= TILE * TILE / 4]


def scene_threshold(levels: UInt8, scale: tuple[float, float], modes: Modes, water_is_low: bool) -> tuple[float, float]:
    """(threshold in the levels' own unit, confidence): the median over the tiles that hold water and land."""
    first, step = scale
    splits = minimum_error_splits(_tile_histograms(levels))
    thresholds = first + step * (splits.level + 1)
    means = first + step * (splits.lower if water_is_low else splits.upper)
    with np.errstate(invalid="ignore"):
        both = (
            (splits.level >= 0)
            & (splits.apart >= APART)
            & (step * (splits.upper - splits.lower) >= modes.apart)
            & (means >= modes.water[0])
            & (means <= modes.water[1])
            & (thresholds >= modes.threshold[0])
            & (thresholds <= modes.threshold[1])
        )
    if not both.any():
        return modes.default, confidence_of(0.0)
    return float(np.median(thresholds[both])), confidence_of(float(np.median(splits.apart[both])))


def radar_water(levels: UInt8) -> Water:
    """Water of backscatter levels (`decibel_levels`)."""
    first, step = DECIBELS
    threshold, confidence = scene_threshold(levels, DECIBELS, RADAR, water_is_low=True)
    seed = round((threshold - first) / step)
    # Darkness, so that more of it is more: the library's hysteresis grows what is above.
    mask = _by_bands(levels, lambda band: _grown(UNKNOWN - band, int(UNKNOWN) - seed, round(GROWS / step)))
    return Water(mask, levels != UNKNOWN, threshold, confidence)


def _grown(darkness: UInt8, seed: int, grows: int) -> Mask:
    grown: Mask = apply_hysteresis_threshold(darkness, seed - grows, seed)
    return grown


def optical_water(levels: UInt8) -> Water:
    """Water of NDWI levels (`ndwi_levels`)."""
    first, step = NDWI
    threshold, confidence = scene_threshold(levels, NDWI, OPTICAL, water_is_low=False)
    known = levels != UNKNOWN
    mask = _by_bands((levels >= round((threshold - first) / step)) & known, lambda band: band)
    return Water(mask, known, threshold, confidence)


def confidence_of(apart: float) -> float:
    """How sure a threshold is, from Ashman's D: 0 where modes are one, .5 at D = 3, towards 1 beyond 5.

    >>> confidence_of(3.0)
    0.5
    """
    return float(round(1 / (1 + np.exp(-1.5 * (apart - 3.0))), 3))


def new_radar_water(now: Water, before: Water, levels: UInt8, levels_before: UInt8) -> Water:
    """Water that the earlier backscatter does not have; known is where both are."""
    darker = levels_before.astype(np.int16) - levels >= round(DARKER / DECIBELS[1])
    known = now.known & before.known
    mask = _by_bands(now.mask & ~before.mask & darker & known, lambda band: band)
    return Water(mask, known, now.threshold, now.confidence)


def new_optical_water(now: Water, before: Water) -> Water:
    """Water that the earlier NDWI does not have; known is where both are."""
    known = now.known & before.known
    mask = _by_bands(now.mask & ~before.mask & known, lambda band: band)
    return Water(mask, known, now.threshold, min(now.confidence, before.confidence))


def _by_bands(values: NDArray[Any], found: Callable[[NDArray[Any]], Mask]) -> Mask:
    """`found` of each band of rows, without specks."""
    mask = np.zeros(values.shape, dtype=np.bool_)
    for top in range(0, values.shape[0], BAND):
        part = found(values[top : top + BAND])
        mask[top : top + BAND] = remove_small_objects(part, max_size=SMALLEST - 1) if part.any() else part
    return mask


def block_sums(values: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """How many pixels of each whole square are true, (rows, columns)."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    cut = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(cut.sum(axis=(1, 3)), dtype=np.int64)
