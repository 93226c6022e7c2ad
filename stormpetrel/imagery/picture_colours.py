"""How the pictures of a scene are coloured: one byte a pixel becomes red, green, blue and opacity.

In every picture 0 is nodata.
"""

from __future__ import annotations

import numpy as np

from stormpetrel.imagery.types import UInt8

DECIBELS = (-25.0, 0.0)  # black and white of the radar picture
BRIGHTEST = 0.3  # reflectance that is white
PROBABILITY_STEPS = 200  # of the water picture: 1 is the lowest step, 200 the highest
LAND, WATER, NEW_WATER = 1, 2, 3  # of the change picture
GREY = np.array([(0, 0, 0, 0), *((level, level, level, 255) for level in range(1, 256))], dtype=np.uint8)
CHANGE = np.array([(0, 0, 0, 0), (205, 200, 185, 255), (60, 110, 190, 255), (225, 40, 40, 255)], dtype=np.uint8)
WATER_ALONE = CHANGE * (np.arange(len(CHANGE)) != LAND)[:, None].astype(np.uint8)


def _probability_colours() -> UInt8:
    """Blue, the less transparent the more probable; what is below a twentieth cannot be seen."""
    shares = (np.arange(PROBABILITY_STEPS + 1) - 0.5) / PROBABILITY_STEPS
    colours = np.tile(np.array([20, 70, 200, 0], dtype=np.uint8), (PROBABILITY_STEPS + 1, 1))
    colours[:, 3] = np.where(shares < 0.05, 0, np.round(255 * shares))
    return colours


PROBABILITY = _probability_colours()


def coloured(pixels: UInt8, colours: UInt8 | None) -> UInt8:
    """Pixels, (bands, height, width), as red, green, blue and opacity, (height, width, 4).

    `colours`, (n, 4), is looked up by the first band; higher values have the last colour. Without it the pixels are
    red, green and blue already, and nodata where all three are 0.
    """
    if colours is not None:
        return np.asarray(colours[np.minimum(pixels[0], len(colours) - 1)])
    opaque = np.where((pixels > 0).any(axis=0), 255, 0).astype(np.uint8)
    return np.dstack([*pixels, opaque])
