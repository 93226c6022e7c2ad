"""`eval patches`: water in one radar image as a probability, alone and joined with the optical image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.evaluation.mask_agreement import agreement, brier, reliability
from stormpetrel.evaluation.water_images import WaterImage, water_images
from stormpetrel.evaluation.water_training import judging_models
from stormpetrel.imagery.types import Float32, Mask
from stormpetrel.imagery.water.water_model import WATER_FILE, WaterModel, joined_probability, load_models, water_extent

UNJUDGED = "the shipped model learned from this image, and no other is there to learn from; give it more images"
SAME_IMAGE = ". The optical half (MNDWI) is of the image that the mask was made of, which flatters it"
Judged = list[tuple[Float32, Mask]]


def water_report(folders: Sequence[Path], model_file: Path = WATER_FILE) -> dict[str, Any]:
    """`water`: for each image with a mask, figures of `radar` and of `both`, by a model that never saw the image. An
    image without a figure says why in `reason`. `water_reliability`: what share of all these pixels is water where the
    models say so many tenths."""
    images = {image.name: image for folder in folders for image in water_images(folder)}
    figures: dict[str, dict[str, Any]] = {}
    judged: dict[str, Judged] = {"radar": [], "both": []}
    for polarisations in sorted({image.polarisations for image in images.values()}):
        alike = [image for image in images.values() if image.polarisations == polarisations]
        models = judging_models(alike, _shipped(model_file, polarisations))
        for image in alike:
            if model := models.get(image.name):
                figures[image.name] = _scored(image, model, judged)
            else:
                figures[image.name] = {"radar": None, "both": None, "against": image.against, "reason": UNJUDGED}
    tables = {
        sensor: reliability(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
        for sensor, pairs in judged.items()
        if pairs
    }
    return {"water": dict(sorted(figures.items())), "water_reliability": tables}


def _scored(image: WaterImage, model: WaterModel, judged: dict[str, Judged]) -> dict[str, Any]:
    radar, index = model.probability(image.backscatter), image.mndwi()
    optical = None if index is None else model.optical_probability(index)
    both = None if optical is None else joined_probability(radar, optical, model.share)
    scores: dict[str, Any] = {}
    for sensor, probability in (("radar", radar), ("both", both)):
        if probability is None:
            scores[sensor] = None
            continue
        valid = image.valid & np.isfinite(probability)
        score = brier(probability, image.water, valid)
        scores[sensor] = agreement(water_extent(probability, model.least), image.water, valid) | {"brier": score}
        judged[sensor].append((probability[valid], image.water[valid]))
    against = image.against if both is None else image.against + SAME_IMAGE
    share = round(float(image.water[image.valid].mean()), 4)
    return {**scores, "against": against, "water_share": share, "least_probability": round(model.least, 2)}


def _shipped(file: Path, polarisations: tuple[str, ...]) -> WaterModel | None:
    try:
        return load_models(file).get(polarisations)
    except ModelUnavailable:
        return None
