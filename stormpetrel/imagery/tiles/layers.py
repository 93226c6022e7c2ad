"""The layers that a scene is shown in, and from which of its pictures each is drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from stormpetrel.imagery.picture_colours import BRIGHTEST, CHANGE, DECIBELS, GREY, PROBABILITY, WATER_ALONE
from stormpetrel.imagery.types import UInt8

TileForm = Literal["png", "webp"]
Resampling = Literal["nearest", "bilinear"]
REMEDY = "announce its products again, and its pictures are written anew"


@dataclass(frozen=True)
class Layer:
    """A layer: drawn from the picture of this kind, by its `colours` (`picture_colours.coloured`). Values between two
    pixels are interpolated by `resampling`: classes are not."""

    name: str
    title: str
    abstract: str
    picture: str
    colours: UInt8 | None
    resampling: Resampling = "nearest"


DARK, BRIGHT = DECIBELS
LAYERS = (
    Layer(
        "s1",
        "Sentinel-1 radar",
        f"Backscatter, sigma nought: black is {DARK:g} dB or less, white {BRIGHT:g} dB or more, linear in decibels",
        "s1",
        GREY,
        "bilinear",
    ),
    Layer(
        "s2",
        "Sentinel-2 in true colour",
        f"B04, B03 and B02: white is a reflectance of {BRIGHTEST:g} or more, gamma 1.6",
        "s2",
        None,
        "bilinear",
    ),
    Layer("change", "Change", "Land, water that is not new (blue) and new water (red)", "change", CHANGE),
    Layer(
        "water",
        "Probability of water",
        "The more opaque the blue, the more probable is water; below .05 nothing is drawn",
        "water",
        PROBABILITY,
    ),
    Layer("water", "Water", "Water that is not new (blue) and new water (red), without land", "change", WATER_ALONE),
)


def layers_of(pictures: Collection[str]) -> dict[str, Layer]:
    """The layers of a scene with these pictures, by name. Water is a probability where a picture has it, else the
    water and new water of the change picture.

    >>> list(layers_of(["s1", "change"]))
    ['s1', 'change', 'water']
    """
    layers: dict[str, Layer] = {}
    for layer in LAYERS:
        if layer.picture in pictures:
            layers.setdefault(layer.name, layer)
    return layers
