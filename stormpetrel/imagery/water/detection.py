"""Water and new water from radar backscatter and NDWI, each compared with a reference image of the same footprint.

Open water is smooth and reflects the radar pulse away: it is dark. NDWI, (B03 - B08) / (B03 + B08) (McFeeters 1996), is
high over water. Both thresholds are minimum-error ones (Kittler and Illingworth 1986) of the tiles that hold both water
and land (selected by tiles as Martinis et al. 2009 do, so that little water in a large scene is detected too); the
scene's threshold is their median. In radar, pixels below the threshold are seeds, and grow over connected pixels that
are less than 3 dB brighter: wind roughens parts of a lake.

New water is water that the reference image does not show, where both images are valid. In radar it must also have
become darker by 3 dB, so that a field close to the threshold on both days is not new water. Levels take one byte a
pixel, so that a whole scene fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, uniform_filter
from skimage.morphology import remove_small_objects

from stormpetrel.imagery.types import Mask, UInt8

NODATA = np.uint8(255)
DECIBELS = (-40.0, 0.2)  # the first level, and the step between two
NDWI = (-1.0, 0.01)
TILE = 60  # px
BATCH = 2048  # tiles whose histograms are split at once, which bounds the memory
BAND = 960  # px; masks are grown and cleaned by bands of rows, which bounds the memory
GROWTH = 3.0  # dB
LEAST_DARKENING = 3.0  # dB
LEAST_PIXELS = 16  # smaller objects are speckle
LOOKS_WINDOW = 3  # px, averaged against speckle
LEAST_SEPARATION = 2.0  # Ashman's D from which two modes are distinct


@dataclass(frozen=True)
class Modes:
    """Conditions for two modes to be water and land: the least difference of their means, ranges of water's mean and of
    the threshold; and the threshold of a scene in which no tile holds both. `scale` is the levels'."""

    scale: tuple[float, float]
    water_is_low: bool
    least_difference: float
    water: tuple[float, float]
    threshold: tuple[float, float]
    default: float


RADAR = Modes(DECIBELS, True, 4.0, (-99.0, -17.0), (-22.0, -13.0), -16.0)  # dB, sigma nought of VV
OPTICAL = Modes(NDWI, False, 0.2, (-0.1, 1.0), (-0.2, 0.2), 0.0)  # NDWI


@dataclass(frozen=True)
class Water:
    """Where water is, which pixels are valid, the threshold, and how well it separates the two modes (0 to 1)."""

    mask: Mask
    valid: Mask
    threshold: float
    confidence: float


def decibel_levels(intensity: NDArray[np.float32]) -> UInt8:
    """Linear backscatter, averaged over 3 x 3 pixels against speckle, as levels of 0.2 dB from -40 dB; 255 is
    nodata."""
    valid = np.isfinite(intensity)
    filled = np.where(valid, intensity, 0).astype(np.float32)
    weight = uniform_filter(valid.astype(np.float32), LOOKS_WINDOW, mode="nearest")
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(uniform_filter(filled, LOOKS_WINDOW, mode="nearest") / weight)
    return _levels(decibels, valid, DECIBELS)


def ndwi_levels(green: NDArray[np.uint16], infrared: NDArray[np.uint16], offsets: tuple[int, int]) -> UInt8:
    """NDWI of digital numbers as levels of 0.01 from -1; 255 is nodata. `offsets` are B03's and B08's."""
    valid = (green > 0) & (infrared > 0)
    g, n = (
        np.maximum(band.astype(np.float32) + offset, 1) for band, offset in zip((green, infrared), offsets, strict=True)
    )
    return _levels((g - n) / (g + n), valid, NDWI)


def _levels(values: NDArray[np.float32], valid: Mask, scale: tuple[float, float]) -> UInt8:
    first, step = scale
    with np.errstate(invalid="ignore"):
        levels = np.clip(np.nan_to_num((values - first) / step, nan=0, neginf=0), 0, 254).astype(np.uint8)
    levels[~valid] = NODATA
    return levels


def minimum_error_splits(histograms: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Each histogram, (n, levels), split in two, (4, n): the last level of the lower mode (-1 where there is one mode
    only), Ashman's D, and both means, in levels.

    Kittler and Illingworth (1986): the least of 1 + 2 (P1 ln s1 + P2 ln s2) - 2 (P1 ln P1 + P2 ln P2) over all levels.
    Modes have at least 2 % of the counts.
    """
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
        separation = np.sqrt(2) * (second[at] - first[at]) / np.sqrt(spread1[at] ** 2 + spread2[at] ** 2)
    return np.stack([np.where(np.isfinite(error[at]), best, -1), separation, first[at], second[at]])


def _tile_histograms(levels: UInt8) -> NDArray[np.int32]:
    """Counts of the levels 0 to 254 of each whole tile of which at least a quarter is valid, (n, 255)."""
    rows, columns = levels.shape[0] // TILE, levels.shape[1] // TILE
    histograms = np.empty((rows, columns, 256), dtype=np.int32)
    offsets = np.repeat(np.arange(columns) * 256, TILE)
    for row in range(rows):
        line = levels[row * TILE : (row + 1) * TILE, : columns * TILE] + offsets
        histograms[row] = np.bincount(line.ravel(), minlength=columns * 256).reshape(columns, 256)
    counts = histograms.reshape(-1, 256)[:, :255]
    return counts[counts.sum(axis=1) >= TILE * TILE / 4]


@dataclass(frozen=True)
class SceneModes:
    """A scene's two modes: the threshold between them, its level, Ashman's D, and the distance of the means. Both are 0
    where no tile holds water and land."""

    level: int
    threshold: float
    separation: float
    distance: float


def scene_modes(levels: UInt8, modes: Modes) -> SceneModes:
    """The medians over the tiles that hold water and land; thresholds and distances in the levels' unit."""
    first, step = modes.scale
    histograms = _tile_histograms(levels)
    batches = [histograms[start : start + BATCH] for start in range(0, max(1, len(histograms)), BATCH)]
    level, separation, lower, upper = np.hstack([minimum_error_splits(batch) for batch in batches])
    thresholds = first + step * (level + 1)
    means = first + step * (lower if modes.water_is_low else upper)
    with np.errstate(invalid="ignore"):
        both = (level >= 0) & (separation >= LEAST_SEPARATION) & (step * (upper - lower) >= modes.least_difference)
        for values, (least, most) in ((means, modes.water), (thresholds, modes.threshold)):
            both &= (values >= least) & (values <= most)
    if not both.any():
        return SceneModes(round((modes.default - first) / step), modes.default, 0.0, 0.0)
    threshold = float(np.median(thresholds[both]))
    distance = float(np.median(step * (upper - lower)[both]))
    return SceneModes(round((threshold - first) / step), threshold, float(np.median(separation[both])), distance)


def radar_water(levels: UInt8) -> Water:
    """Water of backscatter levels (`decibel_levels`)."""
    modes = scene_modes(levels, RADAR)
    high = int(NODATA) - modes.level
    low = high - round(GROWTH / DECIBELS[1])
    # Levels are inverted, so that nodata is the lowest.
    mask = _by_bands(levels, lambda band: _grown(NODATA - band, low, high))
    return Water(mask, levels != NODATA, modes.threshold, confidence_of(modes.separation))


def optical_water(levels: UInt8) -> Water:
    """Water of NDWI levels (`ndwi_levels`)."""
    modes = scene_modes(levels, OPTICAL)
    valid = levels != NODATA
    mask = _large((levels >= modes.level) & valid)
    return Water(mask, valid, modes.threshold, confidence_of(modes.separation))


def confidence_of(separation: float) -> float:
    """The confidence of a threshold, from Ashman's D: towards 0 for a single mode, .5 at D = 3, towards 1 beyond 5.

    >>> confidence_of(3.0)
    0.5
    """
    return float(round(1 / (1 + np.exp(-1.5 * (separation - 3.0))), 3))


def new_radar_water(water: Water, reference: Water, levels: UInt8, reference_levels: UInt8) -> Water:
    """Water that the reference backscatter does not show; valid is where both are."""
    darker = reference_levels.astype(np.int16) - levels >= round(LEAST_DARKENING / DECIBELS[1])
    valid = water.valid & reference.valid
    return Water(_large(water.mask & ~reference.mask & darker & valid), valid, water.threshold, water.confidence)


def new_optical_water(water: Water, reference: Water) -> Water:
    """Water that the reference NDWI does not show; valid is where both are."""
    valid = water.valid & reference.valid
    confidence = min(water.confidence, reference.confidence)
    return Water(_large(water.mask & ~reference.mask & valid), valid, water.threshold, confidence)


def merged_water(by_sensor: dict[str, Water]) -> Water | None:
    """The water of both sensors; None without any. Radar sees through clouds and takes precedence where it is valid;
    the optical image fills the rest. Threshold and confidence are those of the more confident sensor."""
    radar, optical = by_sensor.get("sentinel-1"), by_sensor.get("sentinel-2")
    if radar is None or optical is None:
        return radar or optical
    mask = (radar.mask & radar.valid) | (optical.mask & optical.valid & ~radar.valid)
    better = max(radar, optical, key=lambda water: water.confidence)
    return Water(mask, radar.valid | optical.valid, better.threshold, better.confidence)


def _grown(values: UInt8, low: int, high: int) -> Mask:
    """Objects of values above `low` that have one above `high`, without the small ones. Hysteresis and the removal of
    small objects ask for the same objects, so that they are labelled once."""
    objects, count = label(values > low)
    sizes = np.bincount(objects.ravel(), minlength=count + 1)
    kept = sizes >= LEAST_PIXELS
    kept &= np.bincount(objects[values > high], minlength=count + 1) > 0
    kept[0] = False
    return np.asarray(kept[objects])


def _by_bands(values: NDArray[Any], detect: Callable[[NDArray[Any]], Mask]) -> Mask:
    """The mask that `detect` gives for each band of rows."""
    mask = np.zeros(values.shape, dtype=np.bool_)
    for top in range(0, values.shape[0], BAND):
        mask[top : top + BAND] = detect(values[top : top + BAND])
    return mask


def _large(mask: Mask) -> Mask:
    """The mask without small objects, by bands."""
    return _by_bands(mask, lambda part: remove_small_objects(part, max_size=LEAST_PIXELS - 1) if part.any() else part)
