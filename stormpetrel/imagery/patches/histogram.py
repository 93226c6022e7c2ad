"""The multispectral histogram: the reflectances of a patch in B02, B03, B04 and B08, 32 bins a band.

The ranges are the same for every scene, so that vectors of two scenes can be compared: reflectance from 0 to 1, cut at
equal steps of its square root. Half of the bins lie below 0.25, where land and water are; snow and cloud fill the upper
ones. Pixels brighter than 1 are counted in the last bin, those that the offset makes negative in the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from stormpetrel.imagery.patches.descriptors import BINS, QUANTIFICATION
from stormpetrel.imagery.patches.descriptors import MS_DIMENSIONS as DIMENSIONS

NODATA_BIN = 255


def bins_of(offset: int = 0) -> NDArray[np.uint8]:
    """The bin of each 16-bit digital number, shape (65536,); number 0 is nodata (bin 255).

    `offset` is BOA_ADD_OFFSET or RADIO_ADD_OFFSET of the product: -1000 since processing baseline 04.00, else 0.
    """
    reflectance = np.clip((np.arange(65536) + offset) / QUANTIFICATION, 0, 1)
    bins = np.minimum(BINS * np.sqrt(reflectance), BINS - 1).astype(np.uint8)
    bins[0] = NODATA_BIN
    return bins


def histograms(
    bands: Sequence[NDArray[np.uint16]], offsets: Sequence[int] = (0, 0, 0, 0), scale_level: int = 120
) -> NDArray[np.uint32]:
    """Counts of every whole patch of a scene: (rows, columns, 128), band by band B02, B03, B04, B08.

    `bands` are digital numbers, uint16, (height, width) each. A pixel that is nodata in one band is counted in none.
    """
    height, width = bands[0].shape
    counts = np.zeros((height // scale_level, width // scale_level, DIMENSIONS), dtype=np.uint32)
    tables = np.stack([bins_of(offset) for offset in offsets])
    _count(bands[0], bands[1], bands[2], bands[3], tables, scale_level, counts)
    return counts


@njit(parallel=True, cache=True, nogil=True)
def _count(blue, green, red, infrared, tables, size, counts):  # type: ignore[no-untyped-def]
    columns = counts.shape[1]
    for patch in prange(counts.shape[0] * columns):
        row, column = patch // columns, patch % columns
        bins = np.zeros(128, np.uint32)
        for y in range(row * size, (row + 1) * size):
            for x in range(column * size, (column + 1) * size):
                b, g, r, n = blue[y, x], green[y, x], red[y, x], infrared[y, x]
                if b == 0 or g == 0 or r == 0 or n == 0:
                    continue
                bins[tables[0, b]] += 1
                bins[32 + tables[1, g]] += 1
                bins[64 + tables[2, r]] += 1
                bins[96 + tables[3, n]] += 1
        counts[row, column] = bins


def histogram_plain(bands: Sequence[NDArray[np.uint16]], offsets: Sequence[int] = (0, 0, 0, 0)) -> NDArray[np.uint32]:
    """One patch's 128 counts in plain numpy: the reference that the kernel is tested against."""
    valid = np.all([band != 0 for band in bands], axis=0)
    return np.concatenate(
        [np.bincount(bins_of(offset)[band[valid]], minlength=BINS) for band, offset in zip(bands, offsets, strict=True)]
    ).astype(np.uint32)
