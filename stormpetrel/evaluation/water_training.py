"""Learns the model of water in one radar image, and judges it: an image is judged only by models that never saw it.

Images are left out whole, in at most five folds. To judge a fold, the trees are learned on all others; what calibrates
these trees are the log odds that each of the others gets from trees learned without it and without the judged fold. So
nothing of the judged images reaches the trees, the calibration or the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from stormpetrel.evaluation.water_images import WaterImage
from stormpetrel.imagery.types import Float32
from stormpetrel.imagery.water.boosted_trees import LEAF, BoostedTrees
from stormpetrel.imagery.water.radar_features import cell_means, radar_features
from stormpetrel.imagery.water.water_model import WaterModel

TREES, LEAVES = 60, 8
MOST_FOLDS = 5
CELLS_OF_IMAGE = 60_000  # more of one image teach little and cost time
LEASTS = np.arange(0.1, 0.65, 0.05)
DEFAULT_LEAST = 0.35  # where too few images are there to choose it
Say = Callable[[str], None]


@dataclass(frozen=True)
class Cells:
    """What is learned from one image: features (n, features), and the share of water in each cell (n,)."""

    features: Float32
    water: Float32


@dataclass
class Folds:
    """Images in folds, and the trees that were learned without some of them."""

    images: Sequence[WaterImage]
    polarisations: tuple[str, ...]
    _trees: dict[frozenset[int], BoostedTrees] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.count = min(len(self.images), MOST_FOLDS)
        self.cells = [cells_of(image, len(self.polarisations)) for image in self.images]

    def fold(self, number: int) -> int:
        return number % self.count

    def trees_without(self, *folds: int) -> BoostedTrees:
        """Trees of the images of all other folds."""
        left_out = frozenset(folds)
        if left_out not in self._trees:
            learned = [cells for n, cells in enumerate(self.cells) if self.fold(n) not in left_out]
            self._trees[left_out] = grow_trees(learned)
        return self._trees[left_out]

    def model_without(self, *folds: int) -> WaterModel:
        """The model of the images of all other folds: trees, calibration and threshold."""
        numbers = [n for n in range(len(self.images)) if self.fold(n) not in folds]
        odds = {}
        if len({self.fold(n) for n in numbers}) > 1:
            odds = {n: self.trees_without(*folds, self.fold(n)).log_odds(self.cells[n].features) for n in numbers}
        cells = {n: self.cells[n] for n in numbers}
        slope, intercept = calibration(odds, cells) if odds else (1.0, 0.0)
        calibrated = {n: slope * values + intercept for n, values in odds.items()}
        return WaterModel(
            self.polarisations,
            self.trees_without(*folds),
            slope,
            intercept,
            best_least(calibrated, cells) if odds else DEFAULT_LEAST,
            float(np.mean([each.water.mean() for each in cells.values()])),
            {self.images[n].name: self.images[n].digest for n in numbers},
            index_calibration([self.images[n] for n in numbers]),
        )


def judging_models(images: Sequence[WaterImage], shipped: WaterModel | None) -> Mapping[str, WaterModel]:
    """For each image, by its name, a model that never saw it: the shipped one, where it saw none of these images, else
    one learned from the others. An image that no such model can judge is left out."""
    if shipped is not None and not any(shipped.has_seen(image.digest) for image in images):
        return {image.name: shipped for image in images}
    if len(images) < 2:
        return {}
    folds = Folds(images, images[0].polarisations)
    by_fold = {fold: folds.model_without(fold) for fold in range(folds.count)}
    return {image.name: by_fold[folds.fold(n)] for n, image in enumerate(images)}


def train_water(images: Sequence[WaterImage], polarisations: tuple[str, ...], say: Say) -> WaterModel:
    """The model of all these images, which have at least these polarisations. Raises ValueError without any."""
    if not images:
        raise ValueError("no image has these polarisations")
    say(f"{'+'.join(polarisations)}: {TREES} trees of {len(images)} images")
    return Folds(images, polarisations).model_without()


def cells_of(image: WaterImage, polarisations: int) -> Cells:
    """The cells of 20 m whose truth is known, at most 60,000, evenly taken."""
    features, valid = radar_features(image.backscatter[:polarisations])
    water = cell_means(np.where(image.valid, image.water, np.nan).astype(np.float32))
    known = valid & np.isfinite(water)
    every = max(1, int(known.sum()) // CELLS_OF_IMAGE)
    return Cells(features[known][::every], water[known][::every])


def grow_trees(learned: Sequence[Cells]) -> BoostedTrees:
    """Boosted trees; a cell that is partly water counts as water by its share, and as land by the rest."""
    features = np.concatenate([cells.features for cells in learned])
    water = np.concatenate([cells.water for cells in learned])
    wet, dry = water > 0, water < 1
    rows = np.concatenate([features[wet], features[dry]])
    classes = np.repeat([1, 0], [wet.sum(), dry.sum()])
    weights = np.concatenate([water[wet], 1 - water[dry]])
    if len(np.unique(classes)) < 2:
        raise ValueError("all of these images are water, or all are land; both are needed")
    classifier = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, min_samples_leaf=50, l2_regularization=1.0, early_stopping=False
    )
    return flat_trees(classifier.fit(rows, classes, sample_weight=weights))


def flat_trees(classifier: HistGradientBoostingClassifier) -> BoostedTrees:
    """The fitted classifier's trees as arrays."""
    trees = [predictors[0].nodes for predictors in classifier._predictors]
    roots = np.concatenate([[0], np.cumsum([len(nodes) for nodes in trees])[:-1]])
    starts = np.repeat(roots, [len(nodes) for nodes in trees])
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    return BoostedTrees(
        float(np.ravel(classifier._baseline_prediction)[0]),
        roots.astype(np.int32),
        np.where(leaf, LEAF, nodes["feature_idx"]).astype(np.int32),
        np.where(leaf, 0, nodes["num_threshold"]).astype(np.float32),
        np.where(leaf, 0, nodes["left"] + starts).astype(np.int32),
        np.where(leaf, 0, nodes["right"] + starts).astype(np.int32),
        np.where(leaf, nodes["value"], 0).astype(np.float32),
    )


def calibration(odds: Mapping[int, Float32], cells: Mapping[int, Cells]) -> tuple[float, float]:
    """(slope, intercept) of Platt's logistic regression of cells being water on their log odds. Each image weighs the
    same, however large."""
    rows = np.concatenate([np.tile(values, 2) for values in odds.values()])[:, None]
    classes = np.concatenate([np.repeat([1, 0], len(values)) for values in odds.values()])
    weights = [np.concatenate([cells[n].water, 1 - cells[n].water]) / len(cells[n].water) for n in odds]
    return _logistic(rows, classes, np.concatenate(weights))


def index_calibration(images: Sequence[WaterImage]) -> tuple[float, float] | None:
    """(slope, intercept) of the log odds of water by MNDWI, each image weighing the same; None where no image has it,
    or all pixels are water, or all land."""
    rows, classes, weights = [], [], []
    for image in images:
        if (index := image.mndwi()) is not None and (known := image.valid & np.isfinite(index)).any():
            every = max(1, int(known.sum()) // CELLS_OF_IMAGE)
            rows.append(index[known][::every])
            classes.append(image.water[known][::every])
            weights.append(np.full(len(rows[-1]), 1 / len(rows[-1])))
    if not rows or len(np.unique(np.concatenate(classes))) < 2:
        return None
    return _logistic(np.concatenate(rows)[:, None], np.concatenate(classes), np.concatenate(weights))


def _logistic(rows: NDArray[Any], classes: NDArray[Any], weights: NDArray[Any]) -> tuple[float, float]:
    fitted = LogisticRegression(C=1e6).fit(rows, classes, sample_weight=weights / weights.mean())
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def best_least(odds: Mapping[int, Float32], cells: Mapping[int, Cells]) -> float:
    """The probability from which water is mapped: that of the best mean IoU over the images."""
    scores = [[_iou(values, cells[n].water, least) for least in LEASTS] for n, values in odds.items()]
    return round(float(LEASTS[int(np.argmax(np.mean(scores, axis=0)))]), 2)


def _iou(odds: Float32, water: NDArray[Any], least: float) -> float:
    mapped = odds >= np.log(least / (1 - least))
    hits = float(water[mapped].sum())
    return hits / max(1.0, float(mapped.sum() + water.sum()) - hits)
