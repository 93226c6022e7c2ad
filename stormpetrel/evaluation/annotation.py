"""`eval annotation`, patches: accuracy by class after one, two and three rounds, against chance and one fit (the
paper's Table 3), with radar, optical and fused descriptors; and what the cascade saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.analyst import ROUNDS, Session, Told, session
from stormpetrel.evaluation.generated_scene import generated_scene
from stormpetrel.evaluation.labelled_scene import LabelledScene, ScaleLevel, grids_of, is_scene, read_scene
from stormpetrel.evaluation.patches import FEW, flood_tiles, read_labelled
from stormpetrel.learning.active import cascade
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.training.examples import Examples, Float32
from stormpetrel.learning.training.support_vector_ranker import fit, width_of

Bools = NDArray[np.bool_]
SEEDS = 5
CUTS = 4  # a side, of images of a small set: 120 px become 16 tiles of 30 px
TILE = 32  # px, of larger images whose every pixel is labelled
FEWEST_TILES = 20
FEWEST_OF_A_SIDE = 6  # patches with and without a label: fewer cannot be halved and judged
DESCRIPTORS = ("sar", "ms", "fused")
# Figures by round: whose work they are of, and which.
ROUND_KEYS = {
    "accuracy_by_round": ("asked", "accuracy"),
    "random_by_round": ("random", "accuracy"),
    "from_example_by_round": ("from_example", "accuracy"),
    "ap_by_round": ("asked", "average_precision"),
    "random_ap_by_round": ("random", "average_precision"),
    "from_example_ap_by_round": ("from_example", "average_precision"),
}
COARSE_LABELS = 10  # a coarser grid, in the cascade


def evaluate_patches(data: Path, catalogue: Catalogue, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name: labelled patches or labelled scenes. Where no
    scene is among them, one of `size` px is generated (0: none). Raises SetupError where a scene's files do not fit."""
    found: dict[str, Any] = {}
    folders = [data, *sorted(path for path in data.iterdir() if path.is_dir())]
    for folder in folders:
        if is_scene(folder):
            say(f"{folder.resolve().name}: a labelled scene")
            found[folder.resolve().name] = _scene_report(read_scene(folder))
            size = 0
            continue
        vectors, truth = _labelled(folder, catalogue)
        if vectors:
            say(f"{folder.resolve().name}: {len(next(iter(vectors.values())))} patches")
            found[folder.resolve().name] = rounds_report(vectors, truth)
    if size:
        say(f"a generated scene of {size} x {size} px")
        found["generated"] = _scene_report(generated_scene(size))
    return found


def _scene_report(scene: LabelledScene) -> dict[str, Any]:
    scale_levels = grids_of(scene)
    return {**rounds_report(scale_levels[-1].vectors, scale_levels[-1].truth), "cascade": cascade_report(scale_levels)}


def _labelled(folder: Path, catalogue: Catalogue) -> tuple[dict[str, Float32], dict[str, Bools]]:
    """The vectors of a labelled folder's patches, and the first level of the catalogue as their truth."""
    patches = read_labelled(folder)
    if len({patch.image for patch in patches}) < FEW:
        patches = read_labelled(folder, CUTS) or flood_tiles(folder, TILE)
    names = [name for name in DESCRIPTORS if any(name in patch.vectors for patch in patches)]
    whole = [patch for patch in patches if all(name in patch.vectors for name in names)]
    if len(whole) < FEWEST_TILES:
        return {}, {}
    own = [{label.id for name in patch.labels for label in catalogue.named(name, "patches")} for patch in whole]
    tops = sorted({label.partition("/")[0] for labels in own for label in labels})
    truth = {top: np.array([any(one.partition("/")[0] == top for one in labels) for labels in own]) for top in tops}
    return {name: np.stack([patch.vectors[name] for patch in whole]) for name in names}, truth


def rounds_report(vectors: Mapping[str, Float32], truth: Mapping[str, Bools]) -> dict[str, Any]:
    """Means over classes, then over seeds; each descriptor on its own, and `fused` (or what there is) on top."""
    count = len(next(iter(vectors.values())))
    able = [label for label, is_ in truth.items() if min(int(is_.sum()), count - int(is_.sum())) >= FEWEST_OF_A_SIDE]
    told = {name: _descriptor(matrix, {label: truth[label] for label in able}) for name, matrix in vectors.items()}
    main = told["fused" if "fused" in told else next(iter(told))]
    return {"patches": count, "classes": able, **main, "descriptors": told}


def _descriptor(matrix: Float32, truth: Mapping[str, Bools]) -> dict[str, Any]:
    by_class: dict[str, Any] = {}
    held: list[dict[str, Any]] = []
    for label, is_ in truth.items():
        sessions = [made for seed in range(SEEDS) if (made := _session(matrix, is_, seed)) is not None]
        if sessions:
            by_class[label] = _means(sessions)
            held.append(by_class[label])
    found: dict[str, Any] = {
        key: [round(float(np.mean([one[key][n] for one in held])), 4) for n in range(ROUNDS)] if held else []
        for key in ROUND_KEYS
    }
    for key in ("one_shot", "one_shot_ap"):
        found[key] = round(float(np.mean([one[key] for one in held])), 4) if held else None
    return {**found, "by_class": by_class}


def _session(matrix: Float32, truth: Bools, seed: int) -> Session | None:
    """None where this seed's half has no example to begin with, or the other none to judge by."""
    order = np.random.default_rng(seed).permutation(len(matrix))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    return session(matrix, truth, seed) if all(truth[half].any() for half in halves) else None


def _means(sessions: Sequence[Session]) -> dict[str, Any]:
    def mean(of: Callable[[Session], Told], field: str) -> float:
        values = [getattr(of(one), field) for one in sessions]
        return round(float(np.mean([value for value in values if value is not None])), 4)

    made: dict[str, Any] = {}
    for key, (work, field) in ROUND_KEYS.items():
        made[key] = [mean(lambda one, work=work, n=n: getattr(one, work)[n], field) for n in range(ROUNDS)]  # type: ignore[misc]
    made["one_shot"] = mean(lambda one: one.one_shot, "accuracy")
    made["one_shot_ap"] = mean(lambda one: one.one_shot, "average_precision")
    return made


def cascade_report(scale_levels: Sequence[ScaleLevel]) -> dict[str, Any]:
    """For each class: a few labels a grid, coarse to fine; the cascade's accuracy on the finest grid and the share of
    it that it scored, against one machine that scored all of it with the same finest labels."""
    found = {}
    for label in scale_levels[-1].truth:
        runs = [run for seed in range(SEEDS) if (run := _cascade(scale_levels, label, seed)) is not None]
        if runs:
            found[label] = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    keys = ("accuracy", "full_accuracy", "scored_share") if found else ()
    return {**{key: round(float(np.mean([one[key] for one in found.values()])), 4) for key in keys}, "by_class": found}


def _cascade(scale_levels: Sequence[ScaleLevel], label: str, seed: int) -> dict[str, float] | None:
    rng = np.random.default_rng(seed)
    levels = [
        cascade.Level(scale_level.side, scale_level.vectors["fused"], scale_level.parents)
        for scale_level in scale_levels
    ]
    told = []
    for depth, scale_level in enumerate(scale_levels):
        truth, matrix = scale_level.truth[label], scale_level.vectors["fused"]
        if not truth.any() or truth.all():
            return None
        taken = [int(rng.choice(np.flatnonzero(truth)))]
        wanted = COARSE_LABELS if depth + 1 < len(scale_levels) else ROUNDS * COARSE_LABELS
        while len(taken) < min(wanted, len(matrix)):
            signs = np.where(truth[taken], 1, -1).astype(np.int8)
            step = min(COARSE_LABELS // 2, wanted - len(taken))
            ranker = fit(matrix[taken], signs, width_of(matrix))
            asked = next_round(matrix, Examples(np.array(taken), matrix[taken], signs), ranker, step)
            picked = asked.boundary if asked.ranker.separates else np.r_[asked.coverage[:3], asked.top[:2]]
            taken += [int(row) for row in dict.fromkeys(picked.tolist())][:step]
        told.append(cascade.LevelLabels(taken, [1 if truth[row] else -1 for row in taken]))
    finest, last = scale_levels[-1], told[-1]
    made = cascade.descend(levels, told)
    matrix, truth = finest.vectors["fused"], finest.truth[label]
    whole = fit(matrix[last.rows], np.array(last.signs, np.int8), width_of(matrix)).scores(matrix)
    return {
        "accuracy": float(((made.scores > 0) == truth).mean()),
        "full_accuracy": float(((whole > 0) == truth).mean()),
        "scored_share": 1 - made.saved,
        "class_share": float(truth.mean()),
    }
