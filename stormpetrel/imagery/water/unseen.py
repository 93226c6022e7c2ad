"""Ground on which a radar image cannot show new water: told apart from ground that is dry.

Three kinds, each of a whole scene. Ground that was as dark as water before (water itself, sand, asphalt) looks the same
when it floods. Between the walls of a dense town the pulse bounces back, whatever stands on the street. On steep slopes
the image is folded or in shadow (layover and radar shadow); they are known where `imagery.slope` is given.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from stormpetrel.imagery.types import Mask, UInt8
from stormpetrel.imagery.water.detection import DECIBELS, NODATA

BUILT_UP = -2.0  # dB of VV, over 3 x 3 pixels; fields and woods stay below


class Unseen(IntEnum):
    """Why new water cannot be seen; 0 is ground on which it can."""

    ALWAYS_DARK = 1
    BUILT_UP = 2
    STEEP = 3


def unseen_ground(before: UInt8, dark: Mask) -> UInt8:
    """The reason for each pixel, (height, width), 0 where there is none. `before` are the backscatter levels of the
    reference image (`decibel_levels`), `dark` is where it has water or what looks like it."""
    first, step = DECIBELS
    reasons = np.zeros(before.shape, dtype=np.uint8)
    reasons[dark] = Unseen.ALWAYS_DARK
    reasons[(before >= round((BUILT_UP - first) / step)) & (before != NODATA)] = Unseen.BUILT_UP
    return reasons
