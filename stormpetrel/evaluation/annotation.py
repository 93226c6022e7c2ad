"""`eval annotation`, patches: accuracy by class after one, two and three rounds, against random labels and one batch
(the paper's Table 3), with radar, optical and fused descriptors; and what the cascade saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.evaluation.analyst import (
    ROUNDS,
    Bools,
    Rows,
    Scores,
    Session,
    examples_of,
    halves,
    label_until,
    run_session,
)
from stormpetrel.evaluation.folders import data_folders
from stormpetrel.evaluation.fused_gain import fused_against_better_half
from stormpetrel.evaluation.generated_scene import generated_scene
from stormpetrel.evaluation.labelled_scene import LabelledPatches, LabelledScene, is_scene, read_scene, scale_levels_of
from stormpetrel.evaluation.measures import rounded_means
from stormpetrel.evaluation.patches import DESCRIPTORS, FEW, descriptor_matrices, flood_tiles, read_labelled
from stormpetrel.learning.active import cascade
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.training.examples import Float32
from stormpetrel.learning.training.kernel import kernel_of
from stormpetrel.learning.training.support_vector_ranker import fit

SEEDS = 5
CUTS = 4  # a side, of images of a small set: 120 px become 16 tiles of 30 px
TILE = 32  # px, of larger images whose every pixel is labelled
FEWEST_TILES = 20
FEWEST_OF_A_SIDE = 6  # patches with and without a label: fewer cannot be halved and evaluated
# Figures by round: the labels that they are of (a field of `Session`), and the score.
ROUND_KEYS = {
    "accuracy_by_round": ("active", "accuracy"),
    "random_by_round": ("random", "accuracy"),
    "from_example_by_round": ("from_example", "accuracy"),
    "ap_by_round": ("active", "average_precision"),
    "random_ap_by_round": ("random", "average_precision"),
    "from_example_ap_by_round": ("from_example", "average_precision"),
}
COARSE_LABELS = 10  # of each coarser scale level, in the cascade


def evaluate_patches(data: Path, catalogue: Catalogue, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name: labelled patches or labelled scenes. Where no
    scene is among them, one of `size` px is generated (0: none). Raises SetupError where a scene's files do not fit."""
    reports: dict[str, Any] = {}
    for folder in data_folders(data):
        name = folder.resolve().name
        if is_scene(folder):
            say(f"{name}: a labelled scene")
            reports[name] = _scene_report(read_scene(folder))
            size = 0
            continue
        vectors, truth = _labelled(folder, catalogue)
        if vectors:
            say(f"{name}: {len(next(iter(vectors.values())))} patches")
            reports[name] = rounds_report(vectors, truth)
    if size:
        say(f"a generated scene of {size} x {size} px")
        reports["generated"] = _scene_report(generated_scene(size))
    return reports


def _scene_report(scene: LabelledScene) -> dict[str, Any]:
    levels = scale_levels_of(scene)
    return {**rounds_report(levels[-1].vectors, levels[-1].truth), "cascade": cascade_report(levels)}


def _labelled(folder: Path, catalogue: Catalogue) -> tuple[dict[str, Float32], dict[str, Bools]]:
    """The vectors of a labelled folder's patches, and the first level of the catalogue as their truth."""
    patches = read_labelled(folder)
    if len({patch.image for patch in patches}) < FEW:
        patches = read_labelled(folder, CUTS) or flood_tiles(folder, TILE)
    whole, vectors = descriptor_matrices(patches)
    if len(whole) < FEWEST_TILES:
        return {}, {}
    top_labels = [
        {label.id.partition("/")[0] for name in patch.labels for label in catalogue.named(name, "patches")}
        for patch in whole
    ]
    truth = {top: np.array([top in labels for labels in top_labels]) for top in sorted(set().union(*top_labels))}
    return vectors, truth


def rounds_report(vectors: Mapping[str, Float32], truth: Mapping[str, Bools]) -> dict[str, Any]:
    """Means over classes, then over seeds; each descriptor on its own, `fused` (or the first there is) on top, and how
    far fused is from the better half."""
    count = len(next(iter(vectors.values())))
    labels = [label for label, has in truth.items() if min(int(has.sum()), count - int(has.sum())) >= FEWEST_OF_A_SIDE]
    sessions = {name: {label: _sessions(matrix, truth[label]) for label in labels} for name, matrix in vectors.items()}
    reports = {name: _descriptor_report(of_labels) for name, of_labels in sessions.items()}
    main = reports["fused" if "fused" in reports else next(iter(reports))]
    against = fused_against_better_half(sessions) if len(sessions) == len(DESCRIPTORS) else None
    return {"patches": count, "classes": labels, **main, "descriptors": reports, "fused_against_better_half": against}


def _descriptor_report(sessions: Mapping[str, Sequence[Session]]) -> dict[str, Any]:
    by_class = {label: _means(of_label) for label, of_label in sessions.items() if of_label}
    if not by_class:
        return {**{key: [] for key in ROUND_KEYS}, "one_shot": None, "one_shot_ap": None, "by_class": {}}
    keys = (*ROUND_KEYS, "one_shot", "one_shot_ap")
    means = {key: np.mean([means[key] for means in by_class.values()], axis=0).tolist() for key in keys}
    curves = {key: [round(value, 4) for value in means[key]] for key in ROUND_KEYS}
    one_shot = {key: round(means[key], 4) for key in ("one_shot", "one_shot_ap")}
    return {**curves, **one_shot, "by_class": by_class}


def _sessions(matrix: Float32, truth: Bools) -> list[Session]:
    """A session a seed, where both of its halves have an example: one to begin with, and one to score by."""
    seeds = ((seed, halves(np.random.default_rng(seed), len(matrix))) for seed in range(SEEDS))
    return [run_session(matrix, truth, seed) for seed, both in seeds if all(truth[half].any() for half in both)]


def _means(sessions: Sequence[Session]) -> dict[str, Any]:
    def mean(scores: Sequence[Scores], field: str) -> float:
        values = [getattr(each, field) for each in scores]
        return round(float(np.mean([value for value in values if value is not None])), 4)

    means: dict[str, Any] = {
        key: [mean([getattr(session, labels)[n] for session in sessions], field) for n in range(ROUNDS)]
        for key, (labels, field) in ROUND_KEYS.items()
    }
    one_shot = [session.one_shot for session in sessions]
    return {**means, "one_shot": mean(one_shot, "accuracy"), "one_shot_ap": mean(one_shot, "average_precision")}


def cascade_report(levels: Sequence[LabelledPatches]) -> dict[str, Any]:
    """For each class: a few labels a scale level, coarse to fine; the cascade's accuracy on the finest level and the
    share of it that was scored, against one ranker that scored all of it with the same finest labels."""
    runs = {label: [_cascade(levels, label, seed) for seed in range(SEEDS)] for label in levels[-1].truth}
    by_class = {label: rounded_means(whole) for label, of in runs.items() if (whole := [run for run in of if run])}
    means = rounded_means(list(by_class.values()))
    means.pop("class_share", None)
    return {**means, "by_class": by_class}


def _cascade(levels: Sequence[LabelledPatches], label: str, seed: int) -> dict[str, float] | None:
    rng = np.random.default_rng(seed)
    annotations = []
    for depth, level in enumerate(levels):
        truth, matrix = level.truth[label], level.vectors["fused"]
        if not truth.any() or truth.all():
            return None
        count = COARSE_LABELS if depth + 1 < len(levels) else ROUNDS * COARSE_LABELS
        rows = _cascade_labels(matrix, truth, int(rng.choice(np.flatnonzero(truth))), count)
        examples = examples_of(matrix, truth, np.array(rows))
        annotations.append(cascade.LevelLabels(rows, examples.signs.tolist()))
    cascade_levels = [cascade.Level(level.scale_level, level.vectors["fused"], level.parents) for level in levels]
    result = cascade.descend(cascade_levels, annotations)
    ranker = fit(examples.vectors, examples.signs, kernel_of(matrix))  # of the finest level
    return {
        "accuracy": float(((result.scores > 0) == truth).mean()),
        "full_accuracy": float(((ranker.scores(matrix) > 0) == truth).mean()),
        "scored_share": 1 - result.saved,
        "class_share": float(truth.mean()),
    }


def _cascade_labels(matrix: Float32, truth: Bools, first: int, count: int) -> list[int]:
    """The rows that the analyst labels on one scale level, half a coarse level's labels at a time."""

    def choose(labelled: Rows, wanted: int) -> list[int]:
        examples = examples_of(matrix, truth, labelled)
        batch = next_round(matrix, examples, fit(examples.vectors, examples.signs, kernel_of(matrix)), wanted)
        rows = batch.boundary if batch.ranker.separates else np.r_[batch.coverage[:3], batch.top[:2]]
        return [int(row) for row in rows]

    return label_until(min(count, len(matrix)), COARSE_LABELS // 2, [first], choose)
