"""What a pixel of a radar image and its surroundings look like: means and spreads over windows, against speckle.

Speckle is first multi-looked: cells of 2 x 2 pixels, 20 m, about what an IW GRD resolves. The boxcar means are of
linear power, as multi-looking asks (Lee and Pottier 2009), and given in decibels. The spread is the standard deviation
of the cells' decibels: of smooth water it is that of speckle alone, in a town or along a shore it is larger.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter

from stormpetrel.imagery.types import Float32, Mask

CELL = 2  # px of 10 m
MEANS = (1, 3, 7, 15)  # cells a side
SPREADS = (3, 7)
LEAST_DECIBELS = -45.0  # below the noise of any Sentinel-1 image


def feature_names(polarisations: Sequence[str]) -> tuple[str, ...]:
    """The features' names, in their order.

    >>> feature_names(["VV"])
    ('VV mean 1', 'VV mean 3', 'VV mean 7', 'VV mean 15', 'VV spread 3', 'VV spread 7')
    """
    kinds = [f"mean {size}" for size in MEANS] + [f"spread {size}" for size in SPREADS]
    return tuple(f"{polarisation} {kind}" for polarisation in polarisations for kind in kinds)


def radar_features(images: Sequence[Float32]) -> tuple[Float32, Mask]:
    """(features, valid) of one image a polarisation: features are (rows, columns, 6 a polarisation) of the cells,
    decibels; `valid` is (rows, columns), where every image has at least one pixel.

    `images` are linear backscatter, (height, width) of the same shape, NaN is nodata. An odd last row or column is a
    cell of half the pixels.
    """
    columns: list[Float32] = []
    valid = None
    for image in images:
        power, seen = _cells(image)
        columns += _of_polarisation(power, seen)
        valid = seen if valid is None else valid & seen
    if valid is None:
        raise ValueError("there is no image; give one a polarisation")
    return np.stack(columns, axis=-1), valid


def cell_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of cells of an image of this shape.

    >>> cell_shape((5, 4))
    (3, 2)
    """
    return -(-shape[0] // CELL), -(-shape[1] // CELL)


def cell_means(values: Float32) -> Float32:
    """The mean of the pixels of each cell that are not NaN; NaN where all are."""
    rows, columns = cell_shape(values.shape)
    padding = ((0, rows * CELL - values.shape[0]), (0, columns * CELL - values.shape[1]))
    blocks = np.pad(values, padding, constant_values=np.nan).reshape(rows, CELL, columns, CELL)
    counts = np.isfinite(blocks).sum(axis=(1, 3))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(blocks, axis=(1, 3)) / np.where(counts, counts, np.nan), dtype=np.float32)


def multi_looked(image: Float32, size: int = 3) -> Float32:
    """Decibels of the cells of linear backscatter, averaged over `size` x `size` cells: (rows, columns), NaN where the
    cell has no pixel."""
    power, valid = _cells(image)
    return np.where(valid, _decibels(_window_mean(power, valid, size)), np.float32(np.nan))


def _cells(image: Float32) -> tuple[Float32, Mask]:
    """(linear power of each cell, 0 where there is none; where there is one)."""
    power = cell_means(image)
    valid = np.isfinite(power)
    return np.where(valid, power, 0).astype(np.float32), valid


def _of_polarisation(power: Float32, valid: Mask) -> list[Float32]:
    decibels = _decibels(power)
    centred = np.where(valid, decibels - decibels[valid].mean(), 0) if valid.any() else decibels
    means = [decibels if size == 1 else _decibels(_window_mean(power, valid, size)) for size in MEANS]
    spreads = []
    for size in SPREADS:
        variance = _window_mean(centred**2, valid, size) - _window_mean(centred, valid, size) ** 2
        spreads.append(np.sqrt(np.maximum(variance, 0)))
    return means + spreads


def _window_mean(values: Float32, valid: Mask, size: int) -> Float32:
    """The mean over the valid cells of a window; 0 where none is."""
    weight = uniform_filter(valid.astype(np.float32), size, mode="nearest")
    total = uniform_filter(np.asarray(values, dtype=np.float32), size, mode="nearest")
    return np.where(weight > 0.5 / size**2, total / np.maximum(weight, 0.5 / size**2), 0).astype(np.float32)


def _decibels(power: Float32) -> Float32:
    least = np.float32(10 ** (LEAST_DECIBELS / 10))
    return np.asarray(10 * np.log10(np.maximum(power, least)), dtype=np.float32)
