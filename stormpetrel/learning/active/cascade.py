"""Coarse to fine: a model a scale level, the finer level scored only inside what the coarser one accepted.

After Blanchart, Ferecatu, Cui and Datcu 2014. Examples are handed down by multiple-instance learning (mi-SVM: Andrews
et al. 2003): in a positive coarse patch at least one finer patch is positive, and fitting and choosing in turn finds
out which one; all finer patches of a negative one are negative. A positive fine patch makes the coarse one around it
positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.ids import PatchId
from stormpetrel.learning.training.examples import Float32, Rows
from stormpetrel.learning.training.kernel import kernel_of
from stormpetrel.learning.training.label_model import LabelModel, train
from stormpetrel.learning.training.support_vector_ranker import fit

SHARE = 0.9  # of a coarser level's patches at most are descended into; at .6 a frequent class loses .12 of accuracy
ITERATIONS = 4  # of fitting and choosing witnesses
SLACK = 0.5  # below the lowest positive label: descriptors of a coarse patch mix what is in it
FINER_OF_NEGATIVE = 4  # of a coarse negative's finer patches, those that look most positive teach


@dataclass(frozen=True)
class Level:
    """A scale level (px): its vectors (rows, dimensions), and the row of the coarser level in which each row lies (-1:
    none)."""

    scale_level: int
    matrix: Float32
    parents: Rows


@dataclass
class LevelLabels:
    """What people annotated at a level: rows and signs (1, -1)."""

    rows: list[int] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Descent:
    """A cascade's result. `scores` are the finest level's (patches that were never scored are below all others),
    `scored` is how many patches each level scored, `seen` which of the finest level's, `saved` the share of them that
    was not."""

    scores: Float32
    models: list[LabelModel]
    scored: dict[int, int]
    seen: NDArray[np.bool_]
    saved: float


def descend(levels: Sequence[Level], labels: Sequence[LevelLabels], share: float = SHARE) -> Descent:
    """Runs the cascade over `levels`, coarse to fine, with the labels of each. At least one label is needed."""
    level_labels = _hand_up(levels, labels)
    open_rows = np.arange(len(levels[0].matrix))
    models: list[LabelModel] = []
    scored: dict[int, int] = {}
    for depth, level in enumerate(levels):
        examples = _examples(levels, level_labels, models[-1] if models else None, depth)
        signs = np.array(examples.signs, np.int8)
        model = train("patches", kernel_of(level.matrix), None, level.matrix[examples.rows], signs)
        models.append(model)
        scores = np.full(len(level.matrix), -np.inf, dtype=np.float32)
        scores[open_rows] = model.ranker.scores(level.matrix[open_rows])
        scored[level.scale_level] = len(open_rows)
        if depth + 1 < len(levels):
            finer = levels[depth + 1]
            # Patches without a known coarser one stay open: no model has ruled them out.
            orphans = np.flatnonzero(finer.parents < 0)
            open_rows = np.union1d(_children(finer, accepted(scores, open_rows, examples, share)), orphans)
    seen = np.isfinite(scores)
    lowest = float(scores[seen].min()) - 1.0 if seen.any() else -1.0
    scores = np.where(seen, scores, np.float32(min(lowest, -1.0)))
    return Descent(scores, models, scored, seen, float(1 - seen.mean()) if len(seen) else 0.0)


def _hand_up(levels: Sequence[Level], labels: Sequence[LevelLabels]) -> list[LevelLabels]:
    """The labels of each level; a patch around a positive one is positive too where nobody annotated it."""
    level_labels = [LevelLabels(list(level.rows), list(level.signs)) for level in labels]
    for depth in range(len(levels) - 1, 0, -1):
        coarser, labelled = level_labels[depth - 1], set(level_labels[depth - 1].rows)
        for row, sign in zip(level_labels[depth].rows, level_labels[depth].signs, strict=True):
            parent = int(levels[depth].parents[row])
            if sign > 0 and parent >= 0 and parent not in labelled:
                labelled.add(parent)
                coarser.rows.append(parent)
                coarser.signs.append(1)
    return level_labels


def _examples(
    levels: Sequence[Level], level_labels: Sequence[LevelLabels], coarser_model: LabelModel | None, depth: int
) -> LevelLabels:
    """The labels of a level and those handed down to it from all coarser levels: witnesses of the positive patches, and
    what looks most positive of the negative ones."""
    labels = level_labels[depth]
    labelled = set(labels.rows)
    bags: list[tuple[Rows, int]] = []
    for coarser in range(depth):
        # A positive patch that holds a finer positive label has its witness already.
        positive = (row for row, sign in zip(labels.rows, labels.signs, strict=True) if sign > 0)
        witnessed = {_ancestor(levels, depth, row, coarser) for row in positive}
        for row, sign in zip(level_labels[coarser].rows, level_labels[coarser].signs, strict=True):
            inside = np.array([row])
            for finer in range(coarser + 1, depth + 1):
                inside = _children(levels[finer], inside)
            inside = np.array([child for child in inside.tolist() if child not in labelled], np.int64)
            if len(inside) and not (sign > 0 and row in witnessed):
                bags.append((inside, sign))
    return _with_witnesses(levels[depth].matrix, labels, bags, coarser_model) if bags else labels


def _with_witnesses(
    matrix: Float32, labels: LevelLabels, bags: Sequence[tuple[Rows, int]], coarser_model: LabelModel | None
) -> LevelLabels:
    """The labels and the rows chosen from each bag, by fitting and choosing in turn until the choice is stable."""
    kernel = kernel_of(matrix)
    examples, chosen = labels, [rows[:0] for rows, _ in bags]
    ranker = coarser_model.ranker if coarser_model else None
    for _ in range(ITERATIONS):
        choice = []
        for rows, sign in bags:
            order = np.argsort(-ranker.scores(matrix[rows]), kind="stable") if ranker else np.arange(len(rows))
            choice.append(rows[order[: 1 if sign > 0 else FINER_OF_NEGATIVE]])
        if all(np.array_equal(new, old) for new, old in zip(choice, chosen, strict=True)):
            break
        chosen = choice
        examples = LevelLabels(
            labels.rows + [row for rows in chosen for row in rows.tolist()],
            labels.signs + [sign for rows, (_, sign) in zip(chosen, bags, strict=True) for _ in rows],
        )
        ranker = fit(matrix[examples.rows], np.array(examples.signs, np.int8), kernel)
    return examples


def accepted(scores: Float32, rows: Rows, examples: LevelLabels, share: float) -> Rows:
    """The rows to descend into: all that score no less than a little below the lowest positive label, and at most this
    share of the level's patches, the best first."""
    positives = [scores[row] for row, sign in zip(examples.rows, examples.signs, strict=True) if sign > 0]
    finite = [score for score in positives if np.isfinite(score)]
    threshold = min(0.0, float(min(finite)) if finite else 0.0) - SLACK
    accepted = rows[scores[rows] >= threshold]
    return accepted[np.argsort(-scores[accepted], kind="stable")[: int(share * len(scores))]]


def _children(level: Level, parents: Rows) -> Rows:
    """The rows inside these parents."""
    return np.flatnonzero(np.isin(level.parents, parents))


def _ancestor(levels: Sequence[Level], depth: int, row: int, coarser: int) -> int:
    """The row at level `coarser` in which a row of level `depth` lies; -1 where there is none."""
    for level in range(depth, coarser, -1):
        row = int(levels[level].parents[row]) if row >= 0 else -1
    return row


def parents_of(finer: Sequence[str], coarser: Mapping[str, int]) -> Rows:
    """For each patch id the row of the coarser patch of the same scene that it lies in; -1 where there is none."""
    scale_level = next((patch.scale_level for patch_id in coarser if (patch := PatchId.parse(patch_id))), 0)
    rows = np.full(len(finer), -1, dtype=np.int64)
    for row, patch_id in enumerate(finer):
        patch = PatchId.parse(patch_id)
        if patch is not None and scale_level:
            rows[row] = coarser.get(str(patch.parent(scale_level)), -1)
    return rows
