"""A generated scene with the class of every pixel: a simulated analyst's data.

The demo's ground (fields, meadows, woods, a town, a river, a lake, the flood) gets classes that are rare and hard to
separate, as on real ground: villages, roads, and bare ground that looks much like a field.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from stormpetrel.demo.scenes import DECIBELS, FIELD, LOOKS, MEADOW, MUD, OFFSET, REFLECTANCE, TOWN, WATER, WOOD, Ground
from stormpetrel.evaluation.labelled_scene import LabelledClass, LabelledScene
from stormpetrel.imagery.patches.geobox import RESOLUTION, geobox_around
from stormpetrel.imagery.types import Strip

BARE, ROAD = 6, 7
BACKSCATTER = np.array([*DECIBELS, -14.0, -17.0])
REFLECTANCES = np.vstack([REFLECTANCE, [[0.09, 0.12, 0.16, 0.23], [0.10, 0.11, 0.12, 0.15]]])
CLASSES = {
    "agriculture": LabelledClass((FIELD, MEADOW)),
    "bare-ground": LabelledClass((BARE,)),
    "forest": LabelledClass((WOOD,)),
    "transportation": LabelledClass((ROAD,), 0.06),
    "urban-area": LabelledClass((TOWN,), 1 / 4),
    "water-bodies": LabelledClass((WATER, MUD)),
    "water-bodies/flood-water": LabelledClass((MUD,)),
}
CELL = 4  # px of 10 m of the fields that the rare classes are cut from


def generated_scene(size: int, seed: int = 3) -> LabelledScene:
    """A flooded scene of `size` x `size` px (whole patches of 480)."""
    ground = Ground(32632, 499_200, 4_924_800, size, seed)
    east, south = ground.west + size * RESOLUTION, ground.north - size * RESOLUTION
    geobox = geobox_around(ground.epsg, (ground.west, south, east, ground.north))
    classes = _with_rare(ground.truth(flood=True), seed)
    return LabelledScene(Strip(geobox, _radar(classes, seed), _optical(classes, seed)), classes, CLASSES, OFFSET)


def _with_rare(classes: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The classes with villages, bare ground and roads in fields and meadows."""
    cells = classes.shape[0] // CELL
    rng = np.random.default_rng(seed + 2)

    def smooth(sigma: float) -> NDArray[np.float32]:
        field = gaussian_filter(rng.standard_normal((cells, cells)).astype(np.float32), sigma, mode="wrap")
        return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)

    land = np.isin(classes, (FIELD, MEADOW))
    out = classes.copy()
    for kind, where in ((BARE, smooth(15) > 2.0), (TOWN, smooth(9) > 2.3), (ROAD, np.abs(smooth(60)) < 0.012)):
        out[land & where.repeat(CELL, axis=0).repeat(CELL, axis=1)] = kind
    return out


def _radar(classes: NDArray[np.uint8], seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    speckle = rng.standard_gamma(LOOKS, classes.shape, dtype=np.float32) / np.float32(LOOKS)
    return (10 ** (BACKSCATTER / 10)).astype(np.float32)[classes] * speckle


def _optical(classes: NDArray[np.uint8], seed: int) -> list[NDArray[np.uint16]]:
    rng = np.random.default_rng(seed + 1)
    bands = []
    for position in range(4):
        clear = REFLECTANCES[:, position].astype(np.float32)[classes]
        clear *= 1 + 0.08 * rng.standard_normal(classes.shape, dtype=np.float32)
        bands.append(np.clip(clear * 10_000 - OFFSET, 1, 65535).astype(np.uint16))
    return bands
