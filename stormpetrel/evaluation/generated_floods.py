"""Five kinds of floods on generated ground, whose truth is known: what the series of references adds to one image.

Backscatter is that of published ranges for C-band at 30 to 45 degrees, speckle a gamma distribution of 4.4 looks, and
every date has its own moisture: one change of the whole image and one that varies smoothly over it. Wet snow, and sand
that is always dark, are no floods: all that is found in them is wrong. The change test assumes values like these, so
the figures say how far each kind can be told apart in principle, not how well it is on real ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from stormpetrel.evaluation.mask_agreement import agreement, brier
from stormpetrel.imagery.types import Float32, Mask
from stormpetrel.imagery.water.change_test import history_of, new_water_probability
from stormpetrel.imagery.water.radar_features import multi_looked
from stormpetrel.imagery.water.water_model import WaterModel, water_extent

SIDE = 240  # px of 10 m
LOOKS = 4.4
MOISTURE = 0.7  # dB between dates
FLOODED = 0.3  # of the image
SERIES = (1, 3, 5)
LEAST = 0.5


@dataclass(frozen=True)
class FloodKind:
    """Backscatter before and after, decibels, VV and VH; the ground's texture, decibels; and whether it is a flood."""

    before: tuple[float, float]
    after: tuple[float, float]
    texture: float
    is_flood: bool = True


KINDS = {
    "open_land": FloodKind((-10.5, -17.5), (-21.0, -28.0), 0.5),
    "under_trees": FloodKind((-8.5, -13.5), (-5.0, -12.5), 0.7),
    "towns": FloodKind((-4.0, -12.0), (-0.5, -10.5), 3.0),
    "wind_roughened": FloodKind((-10.5, -17.5), (-14.5, -25.0), 0.5),
    "wet_snow": FloodKind((-9.0, -15.0), (-13.5, -20.0), 1.0, is_flood=False),
    "always_dark": FloodKind((-19.0, -26.0), (-19.5, -26.5), 0.5, is_flood=False),
}


def flood_report(model: WaterModel, seed: int = 11) -> dict[str, Any]:
    """For each kind: figures of `one_image` by the model, and of the change test with 1, 3 and 5 references. Of what
    is no flood, the share that is taken for one (`false_share`)."""
    return {
        name: _figures(kind, model, np.random.default_rng([seed, n])) for n, (name, kind) in enumerate(KINDS.items())
    }


def _figures(kind: FloodKind, model: WaterModel, rng: np.random.Generator) -> dict[str, Any]:
    height = _smooth(rng, 18)
    where = height < np.quantile(height, FLOODED)
    texture = [kind.texture * rng.standard_normal((SIDE, SIDE)) for _ in range(2)]
    dry = np.zeros_like(where)
    references = [_looked(_acquisition(kind, dry, texture, rng)) for _ in range(max(SERIES))]
    image = _acquisition(kind, where, texture, rng)
    alone = model.probability(image[: len(model.polarisations)])
    figures = {"one_image": _scored(alone, where, kind, water_extent(alone, model.least))}
    for count in SERIES:
        changed = new_water_probability(_looked(image), history_of(references[-count:]))
        changed = np.kron(changed, np.ones((2, 2), dtype=np.float32))
        figures[f"references_{count}"] = _scored(changed, where, kind, water_extent(changed, LEAST))
    return figures


def _acquisition(
    kind: FloodKind, where: Mask, texture: list[NDArray[np.float64]], rng: np.random.Generator
) -> list[Float32]:
    """Linear backscatter of one date, one (240, 240) a polarisation."""
    images = []
    moisture = MOISTURE * rng.standard_normal() + MOISTURE * _smooth(rng, 30)
    for number in range(2):
        decibels = np.where(where, kind.after[number], kind.before[number] + moisture) + texture[number]
        speckle = rng.gamma(LOOKS, 1 / LOOKS, where.shape)
        images.append((10 ** (decibels / 10) * speckle).astype(np.float32))
    return images


def _looked(images: list[Float32]) -> Float32:
    return np.stack([multi_looked(image) for image in images])


def _scored(probability: Float32, where: Mask, kind: FloodKind, extent: Mask) -> dict[str, float | None]:
    if not kind.is_flood:
        return {"false_share": round(float(extent[where].mean()), 4)}
    valid = np.ones_like(where)
    return agreement(extent, where, valid) | {"brier": brier(probability, where, valid)}


def _smooth(rng: np.random.Generator, sigma: float) -> NDArray[np.float64]:
    """A smooth random field, (240, 240), of mean 0 and standard deviation 1."""
    field = gaussian_filter(rng.standard_normal((SIDE, SIDE)), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())
