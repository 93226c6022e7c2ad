"""Generates small photos for the demo: a flooded street under a grey sky, a meadow by day, a street at night."""

from __future__ import annotations

import random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.vision.pictures import jpeg_data_url

Scene = Literal["flood", "meadow", "night"]
SCENES: tuple[Scene, ...] = ("flood", "meadow", "night")
HEIGHT, WIDTH = 96, 128
# Upper half, lower half (RGB).
COLOURS: dict[Scene, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "flood": ((178, 182, 186), (122, 92, 58)),
    "meadow": ((110, 160, 225), (70, 140, 60)),
    "night": ((12, 12, 24), (30, 28, 26)),
}


def picture(scene: Scene, seed: int) -> NDArray[np.uint8]:
    """One photo, RGB, uint8, shape (96, 128, 3); the same seed gives the same one."""
    rng = np.random.default_rng([SCENES.index(scene), seed])
    upper, lower = COLOURS[scene]
    horizon = HEIGHT // 2 + int(rng.integers(-8, 9))
    image = np.empty((HEIGHT, WIDTH, 3))
    image[:horizon], image[horizon:] = upper, lower
    rows = np.arange(HEIGHT - horizon)[:, None]
    # Ripples on the water, furrows in the field.
    image[horizon:] += 14 * np.sin(rows * rng.uniform(0.5, 0.9) + np.arange(WIDTH) / 17)[..., None]
    for _ in range(4):  # houses along the horizon
        left, width, height = (int(number) for number in rng.integers((0, 8, 8), (WIDTH - 20, 20, 30)))
        brightness = rng.uniform(60, 150) * (0.3 if scene == "night" else 1)
        image[horizon - height : horizon, left : left + width] = brightness
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def data_url(scene: Scene, seed: int) -> str:
    """The photo as a `data:image/jpeg;base64,` URL."""
    return jpeg_data_url(picture(scene, seed))


def scene_of(chance: random.Random, flood: bool) -> Scene:
    """The scene of a post's photo: nearly always what the post is about."""
    if flood:
        return "flood" if chance.random() < 0.9 else "night"
    return "meadow" if chance.random() < 0.6 else "night"
