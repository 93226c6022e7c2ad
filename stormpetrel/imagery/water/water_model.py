"""How probable water is in each pixel of one radar image: boosted trees of the pixel and its surroundings, calibrated.

The log odds of the trees go through a logistic calibration (Platt 1999) that is learned on images that those trees
never saw. `stormpetrel train water` learns both. The cells of 20 m are brought to pixels of 10 m by bilinear
interpolation of the log odds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from skimage.morphology import remove_small_objects

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.imagery.types import Float32, Mask
from stormpetrel.imagery.water.boosted_trees import BoostedTrees
from stormpetrel.imagery.water.radar_features import CELL, feature_names, radar_features

WATER_FILE = CONFIG_DIRECTORY / "water.json"
REMEDY = "Learn it: stormpetrel train water --data DIR"
MOST_LOG_ODDS = 6.0  # one image never says more than 400 to 1
LEAST_PIXELS = 16  # of a mapped object, 1,600 m2; smaller ones are speckle


@dataclass(frozen=True)
class WaterModel:
    """Water of one image of these polarisations. `slope` and `intercept` calibrate the trees' log odds; a pixel whose
    probability is at least `least` is mapped as water; `share` is that of water in the images that it learned from, and
    `learned_from` their names with the digests of their pixels. `mndwi` is the slope and intercept of the log odds of
    water by MNDWI (Xu 2006), from the optical images beside them; None where there were none."""

    polarisations: tuple[str, ...]
    trees: BoostedTrees
    slope: float
    intercept: float
    least: float
    share: float
    learned_from: Mapping[str, str]
    mndwi: tuple[float, float] | None = None

    def probability(self, images: Sequence[Float32]) -> Float32:
        """The probability of water, (height, width), float32; NaN where an image has no pixel.

        `images` are linear backscatter, one a polarisation, in the model's order; NaN is nodata.
        """
        features, valid = radar_features(images)
        odds = np.full(valid.shape, np.log(self.share / (1 - self.share)), dtype=np.float32)
        odds[valid] = self.slope * self.trees.log_odds(features[valid]) + self.intercept
        fine = zoom(odds, CELL, order=1, mode="nearest", grid_mode=True)[: images[0].shape[0], : images[0].shape[1]]
        fine[~np.logical_and.reduce([np.isfinite(image) for image in images])] = np.nan
        return probability_of(fine)

    def optical_probability(self, mndwi: Float32) -> Float32 | None:
        """The probability of water of MNDWI, of the same shape, NaN where it is; None where the model has not learned
        it."""
        return None if self.mndwi is None else probability_of(np.float32(self.mndwi[0]) * mndwi + self.mndwi[1])

    def has_seen(self, digest: str) -> bool:
        """Whether it learned from the image of this digest."""
        return digest in self.learned_from.values()

    def fields(self) -> dict[str, Any]:
        numbers = {name: round(getattr(self, name), 4) for name in ("slope", "intercept", "least", "share")}
        named = {"polarisations": self.polarisations, "learned_from": dict(self.learned_from)}
        index = {"mndwi": None if self.mndwi is None else [round(number, 4) for number in self.mndwi]}
        return {
            **named,
            "features": feature_names(self.polarisations),
            **numbers,
            **index,
            "trees": self.trees.fields(),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> WaterModel:
        """Raises ValueError or KeyError where the fields are not what `fields` gave, or are of other features."""
        polarisations = tuple(map(str, fields["polarisations"]))
        names = feature_names(polarisations)
        if tuple(fields["features"]) != names:
            raise ValueError(f"its features are {fields['features']}")
        numbers = {name: float(fields[name]) for name in ("slope", "intercept", "least", "share")}
        trees = BoostedTrees.from_fields(fields["trees"], len(names))
        learned_from = {str(name): str(digest) for name, digest in fields["learned_from"].items()}
        slope, intercept = fields["mndwi"] or (0, 0)
        mndwi = (float(slope), float(intercept)) if fields["mndwi"] else None
        return cls(polarisations, trees, **numbers, learned_from=learned_from, mndwi=mndwi)


def probability_of(log_odds: Float32) -> Float32:
    """The probability of log odds, held within 400 to 1.

    >>> probability_of(np.float32([0, 100])).round(4).tolist()
    [0.5, 0.9975]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))), dtype=np.float32)


def log_odds_of(probability: Float32) -> Float32:
    """The log odds of probabilities, held within 400 to 1."""
    with np.errstate(divide="ignore"):
        odds = np.log(probability) - np.log1p(-probability)
    return np.asarray(np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS), dtype=np.float32)


def joined_probability(radar: Float32, optical: Float32, share: float) -> Float32:
    """Both sensors' probabilities as one, (height, width).

    Where both saw, their evidence adds up, as if each were independent of the other given water (Bayes). Where one saw,
    its probability counts; where neither did, there is NaN. `share` is how much water there was before either looked:
    both probabilities hold it, and one must give it back.
    """
    before = float(np.log(share / (1 - share)))
    both = probability_of(log_odds_of(radar) + log_odds_of(optical) - before)
    return np.where(np.isnan(radar), optical, np.where(np.isnan(optical), radar, both))


def water_extent(probability: Float32, least: float) -> Mask:
    """Where water is mapped: at least as probable as `least`, in objects of 16 pixels (1,600 m2) or more."""
    with np.errstate(invalid="ignore"):
        mask = probability >= least
    return np.asarray(remove_small_objects(mask, max_size=LEAST_PIXELS - 1) if mask.any() else mask)


def digest_of(images: Sequence[NDArray[np.float32]]) -> str:
    """The digest of an image's pixels, by which a model knows what it has seen."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(image).tobytes() for image in images)).hexdigest()[:16]


def save_models(models: Sequence[WaterModel], file: Path = WATER_FILE) -> None:
    """Writes the models of all polarisations as one JSON file."""
    file.write_text(json.dumps({"models": [model.fields() for model in models]}) + "\n", encoding="utf-8")


def load_models(file: Path = WATER_FILE) -> dict[tuple[str, ...], WaterModel]:
    """The models by their polarisations. Raises ModelUnavailable where the file is missing or `save_models` did not
    write it."""
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))["models"]
        models = [WaterModel.from_fields(each) for each in fields]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"no model of water in {file}: {error!r}. {REMEDY}") from error
    return {model.polarisations: model for model in models}
