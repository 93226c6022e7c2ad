"""How probable water is in each pixel of an optical image, from a water index: NDWI (McFeeters 1996), or MNDWI with the
short-wave infrared in place of the near one (Xu 2006), which muddy water and towns confuse less.

Water and land are two modes of the index. Where both are normal with the same spread, the log odds of water are linear:
0 at the threshold between the modes, and as steep as the modes are far apart for their spread (Ashman's D).
"""

from __future__ import annotations

import numpy as np

from stormpetrel.imagery.types import Float32, UInt8
from stormpetrel.imagery.water.detection import NDWI, NODATA, OPTICAL, scene_modes
from stormpetrel.imagery.water.water_model import probability_of

STEEPNESS = 20.0  # log odds for 1 of the index, in a scene in which no tile holds both water and land


def optical_probability(levels: UInt8) -> Float32:
    """The probability of water of index levels (`ndwi_levels`), (height, width), float32; NaN where they are nodata."""
    modes = scene_modes(levels, OPTICAL)
    first, step = NDWI
    steepness = modes.separation**2 / modes.distance if modes.distance > 0 else STEEPNESS
    of_level = probability_of(np.float32(steepness) * (first + step * np.arange(256) - modes.threshold))
    of_level[NODATA] = np.nan
    return of_level[levels]
