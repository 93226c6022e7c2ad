"""Coarse to fine: a classifier a grid level, the finer level scored only inside what the coarser one accepted.

After Blanchart, Ferecatu, Cui and Datcu 2014 (pattern retrieval in large image databases using multiscale
coarse-to-fine cascaded active learning). Examples are handed down by multiple-instance learning (mi-SVM: Andrews et
al. 2003): of a coarse patch that is positive, at least one finer patch in it is, and which one is found out by fitting
and choosing in turn; all finer patches of a negative one are negative. A positive fine patch makes the coarse one
around it positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.training.support_vector_ranker import Float32, SupportVectorRanker, fit, width_of

Rows = NDArray[np.int64]
SHARE = 0.9  # of each coarser level's patches at most are gone into; at .6 a frequent class loses 12 points of accuracy
TURNS = 4  # of fitting and choosing witnesses
SLACK = 0.5  # below the lowest known positive: descriptors of a coarse patch mix what is in it
FINER_OF_NEGATIVE = 4  # of a coarse negative's finer patches, those that look most positive teach


@dataclass(frozen=True)
class Level:
    """A grid: its vectors (rows, dimensions), and the row of the coarser level in which each row lies (-1: none)."""

    side: int
    matrix: Float32
    parents: Rows


@dataclass
class Told:
    """What people said at a level: rows and signs (1, -1)."""

    rows: list[int] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Descent:
    """What a cascade comes to. `scores` are the finest level's (those never looked at are below all others), `scored`
    how many patches each level scored, `saved` the share of the finest grid that was never looked at."""

    scores: Float32
    rankers: list[SupportVectorRanker]
    scored: dict[int, int]
    seen: NDArray[np.bool_]
    saved: float


def descend(levels: Sequence[Level], told: Sequence[Told], share: float = SHARE) -> Descent:
    """Runs the cascade over `levels`, coarse to fine, with what was said at each. At least one label is needed."""
    handed = _handed_up(levels, told)
    open_rows = np.arange(len(levels[0].matrix))
    rankers: list[SupportVectorRanker] = []
    scored: dict[int, int] = {}
    scores = np.empty(0, np.float32)
    for depth, level in enumerate(levels):
        examples = _examples(levels, handed, rankers, depth)
        ranker = fit(level.matrix[examples.rows], np.array(examples.signs, np.int8), width_of(level.matrix))
        rankers.append(ranker)
        found = np.full(len(level.matrix), -np.inf, dtype=np.float32)
        found[open_rows] = ranker.scores(level.matrix[open_rows])
        scored[level.side] = len(open_rows)
        if depth + 1 < len(levels):
            finer = levels[depth + 1]
            # Where no coarser patch is known around one, nothing said no to it.
            orphans = np.flatnonzero(finer.parents < 0)
            accepted = _accepted(found, open_rows, examples, share)
            open_rows = np.union1d(_children_of(finer, accepted), orphans)
        else:
            scores = found
    seen = np.isfinite(scores)
    floor = float(scores[seen].min()) - 1.0 if seen.any() else -1.0
    scores = np.where(seen, scores, np.float32(min(floor, -1.0)))
    return Descent(scores, rankers, scored, seen, float(1 - seen.mean()) if len(seen) else 0.0)


def _handed_up(levels: Sequence[Level], told: Sequence[Told]) -> list[Told]:
    """What was said at each level, and that a patch around a positive one is positive too where nobody said
    otherwise."""
    handed = [Told(list(held.rows), list(held.signs)) for held in told]
    for depth in range(len(levels) - 1, 0, -1):
        above, known = handed[depth - 1], set(handed[depth - 1].rows)
        for row, sign in zip(handed[depth].rows, handed[depth].signs, strict=True):
            parent = int(levels[depth].parents[row])
            if sign > 0 and parent >= 0 and parent not in known:
                known.add(parent)
                above.rows.append(parent)
                above.signs.append(1)
    return handed


def _examples(
    levels: Sequence[Level], handed: Sequence[Told], rankers: Sequence[SupportVectorRanker], depth: int
) -> Told:
    """The labels of a level and those handed down to it from all levels above: witnesses of the positive patches, and
    what looks most positive of the negative ones."""
    level, own = levels[depth], handed[depth]
    bags: list[tuple[Rows, int]] = []
    for above in range(depth):
        for row, sign in zip(handed[above].rows, handed[above].signs, strict=True):
            inside = np.array([row])
            for finer in range(above + 1, depth + 1):
                inside = _children_of(levels[finer], inside)
            # A patch that a finer positive label lies in has its witness already.
            known = set(own.rows)
            inside = np.array([child for child in inside.tolist() if child not in known], np.int64)
            positive_inside = any(
                sign_ > 0 and _above(levels, depth, row_, above) == row
                for row_, sign_ in zip(own.rows, own.signs, strict=True)
            )
            if len(inside) and not (sign > 0 and positive_inside):
                bags.append((inside, sign))
    if not bags:
        return own
    return _witnesses(level.matrix, own, bags, rankers[-1] if rankers else None)


def _witnesses(
    matrix: Float32, own: Told, bags: Sequence[tuple[Rows, int]], ranker: SupportVectorRanker | None
) -> Told:
    gamma = width_of(matrix)
    told = own
    chosen: list[list[int]] = []
    for _ in range(TURNS):
        if ranker is None:
            picked = [rows[:1].tolist() if sign > 0 else rows[:FINER_OF_NEGATIVE].tolist() for rows, sign in bags]
        else:
            picked = []
            for rows, sign in bags:
                order = np.argsort(-ranker.scores(matrix[rows]), kind="stable")
                picked.append(rows[order[: 1 if sign > 0 else FINER_OF_NEGATIVE]].tolist())
        if picked == chosen:
            break
        chosen = picked
        told = Told(
            own.rows + [row for rows in picked for row in rows],
            own.signs + [sign for rows, (_, sign) in zip(picked, bags, strict=True) for _ in rows],
        )
        ranker = fit(matrix[told.rows], np.array(told.signs, np.int8), gamma)
    return told


def _accepted(scores: Float32, rows: Rows, examples: Told, share: float) -> Rows:
    """The rows that are gone into: all that score no less than a little below the lowest known positive, and at most
    this share of the level's patches, the best first."""
    positives = [scores[row] for row, sign in zip(examples.rows, examples.signs, strict=True) if sign > 0]
    known = [score for score in positives if np.isfinite(score)]
    edge = min(0.0, float(min(known)) if known else 0.0) - SLACK
    held = rows[scores[rows] >= edge]
    most = int(share * len(scores))
    return held[np.argsort(-scores[held], kind="stable")[:most]]


def _children_of(level: Level, parents: Rows) -> Rows:
    """The rows inside these parents."""
    inside = np.zeros(int(level.parents.max(initial=-1)) + 2, dtype=bool)
    inside[parents[parents < len(inside) - 1]] = True
    return np.flatnonzero(inside[level.parents])  # -1 looks at the last place, which is never inside


def _above(levels: Sequence[Level], depth: int, row: int, above: int) -> int:
    """The row at level `above` in which a row of level `depth` lies; -1 where there is none."""
    for level in range(depth, above, -1):
        row = int(levels[level].parents[row])
        if row < 0:
            return -1
    return row
