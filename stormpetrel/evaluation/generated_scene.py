"""A generated scene as described patches with their classes: what a simulated analyst works on, the truth known.

On the ground of the demo (fields, meadows, woods, a town, a river, a lake, the flood) lies what is rare and hard to
tell, as on real ground: villages, roads, and bare ground that looks much like a field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from stormpetrel.demo.scenes import (
    DECIBELS,
    FIELD,
    LOOKS,
    MEADOW,
    MUD,
    OFFSET,
    REFLECTANCE,
    TOWN,
    WATER,
    WOOD,
    Ground,
)
from stormpetrel.imagery import weber
from stormpetrel.imagery.grid import GRIDS, Frame
from stormpetrel.imagery.patches import Strip, describe

BARE, ROAD = 6, 7
BACKSCATTER = np.array([*DECIBELS, -14.0, -17.0])
REFLECTANCES = np.vstack([REFLECTANCE, [[0.09, 0.12, 0.16, 0.23], [0.10, 0.11, 0.12, 0.15]]])
# Label: its classes, and the share of a finest patch that must be of them for the patch to bear it.
CLASSES = {
    "agriculture": ((FIELD, MEADOW), 1 / 3), "bare-ground": ((BARE,), 1 / 3), "forest": ((WOOD,), 1 / 3),
    "transportation": ((ROAD,), 0.06), "urban-area": ((TOWN,), 1 / 4), "water-bodies": ((WATER, MUD), 1 / 3),
    "water-bodies/flood-water": ((MUD,), 1 / 3),
}  # fmt: skip
CELL = 4  # px of 10 m of the fields that the rare classes are cut from


@dataclass(frozen=True)
class Grid:
    """A grid's patches: vectors by descriptor, truth by label, and the row of the coarser patch around each."""

    side: int
    vectors: dict[str, NDArray[np.float32]]
    truth: dict[str, NDArray[np.bool_]]
    parents: NDArray[np.int64]


def generated_grids(size: int, seed: int = 3) -> list[Grid]:
    """The grids of a flooded scene of `size` px (whole squares of 480), coarse to fine. A coarse patch bears a label
    where a finest one in it does."""
    ground = Ground(32632, 499_200, 4_924_800, size, seed)
    frame = Frame(ground.epsg, ground.west, ground.north, size, size)
    classes = _with_rare(ground.truth(flood=True), seed)
    strip = Strip(frame, _radar(classes, seed), _optical(classes, seed))
    assert strip.radar is not None
    epsilon = float(weber.epsilon_of(strip.radar))
    finest: dict[str, NDArray[np.bool_]] = _truth(classes, GRIDS[-1])
    grids = []
    for side in GRIDS:
        patches = sorted(describe(strip, side, epsilon, (OFFSET,) * 4), key=lambda patch: patch.place)
        places = np.array([patch.place for patch in patches])
        step = side // GRIDS[-1]
        truth = {
            label: np.asarray(bears.reshape(size // side, step, size // side, step).any(axis=(1, 3)))[
                places[:, 0], places[:, 1]
            ]
            for label, bears in finest.items()
        }
        vectors = {name: np.stack([getattr(patch, name) for patch in patches]) for name in ("sar", "ms", "fused")}
        grids.append(Grid(side, vectors, truth, _parents(places, side, size)))
    return grids


def _with_rare(classes: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The classes with villages, bare ground and roads in fields and meadows."""
    cells = classes.shape[0] // CELL
    rng = np.random.default_rng(seed + 2)

    def smooth(sigma: float) -> NDArray[np.float32]:
        field = gaussian_filter(rng.standard_normal((cells, cells)).astype(np.float32), sigma, mode="wrap")
        return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)

    land = np.isin(classes, (FIELD, MEADOW))
    out = classes.copy()
    for kind, where in (
        (BARE, smooth(15) > 2.0),
        (TOWN, smooth(9) > 2.3),
        (ROAD, np.abs(smooth(60)) < 0.012),
    ):
        out[land & where.repeat(CELL, axis=0).repeat(CELL, axis=1)] = kind
    return out


def _truth(classes: NDArray[np.uint8], side: int) -> dict[str, NDArray[np.bool_]]:
    n = classes.shape[0] // side
    blocks = classes.reshape(n, side, n, side)
    return {
        label: np.asarray(np.isin(blocks, kinds).mean(axis=(1, 3)) >= share, dtype=np.bool_)
        for label, (kinds, share) in CLASSES.items()
    }


def _parents(places: NDArray[np.int64], side: int, size: int) -> NDArray[np.int64]:
    coarser = next((other for other in reversed(GRIDS) if other > side), None)
    if coarser is None:
        return np.full(len(places), -1, dtype=np.int64)
    ratio, across = coarser // side, size // coarser
    return places[:, 0] // ratio * across + places[:, 1] // ratio


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
