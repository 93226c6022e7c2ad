"""A simulated analyst: answers rounds of relevance feedback from a truth, as a person would, and is scored on what was
never asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.evaluation.reports import average_precision
from stormpetrel.learning.training.examples import Examples, Float32
from stormpetrel.learning.training.support_vector_ranker import fit, width_of

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
ROUNDS, LABELS_A_ROUND = 3, 10
BOUNDARY = 0.7  # of a round's answers


@dataclass(frozen=True)
class Told:
    """How a label stands after a round, on the patches that could not be asked."""

    accuracy: float
    average_precision: float | None


@dataclass(frozen=True)
class Session:
    """One analyst's work on a label, after each round: by what the system asked (`asked`); by as many labels taken by
    chance (`random`), and by chance after the same first example (`from_example`); and by as many that the system asked
    all at once, with nothing learned in between (`one_shot`)."""

    asked: list[Told]
    random: list[Told]
    from_example: list[Told]
    one_shot: Told


def session(matrix: Float32, truth: Bools, seed: int) -> Session:
    """Three rounds of ten labels over half of the collection, drawn by the seed; the other half judges. It begins with
    one example of the label, which a person has chosen."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(matrix))
    pool, held = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    first = int(rng.choice(pool[truth[pool]]))
    chance = [int(row) for row in rng.permutation(pool)]
    after_first = [first, *(row for row in chance if row != first)]
    gamma, taken = width_of(matrix), [first]
    asked: list[Told] = []
    random: list[Told] = []
    from_example: list[Told] = []
    for number in range(1, ROUNDS + 1):
        taken += _wanted(matrix[pool], truth[pool], pool, taken, gamma, LABELS_A_ROUND - (number == 1))
        for told, rows in ((asked, taken), (random, chance), (from_example, after_first)):
            told.append(_judged(matrix, truth, np.array(rows[: number * LABELS_A_ROUND]), held, gamma))
    once = [first, *_wanted(matrix[pool], truth[pool], pool, [first], gamma, ROUNDS * LABELS_A_ROUND - 1)]
    return Session(asked, random, from_example, _judged(matrix, truth, np.array(once), held, gamma))


def _wanted(matrix: Float32, truth: Bools, pool: Rows, taken: list[int], gamma: float, count: int) -> list[int]:
    """What the analyst answers next: of ten, seven of the boundary and three of the top; and where none can be
    told, the coverage."""
    places = np.searchsorted(pool, taken)
    signs = np.where(truth[places], 1, -1).astype(np.int8)
    found = next_round(matrix, Examples(places, matrix[places], signs), fit(matrix[places], signs, gamma), count)
    share = round(BOUNDARY * count)
    parts = (found.boundary[:share], found.top) if found.ranker.separates else (found.coverage, found.top)
    rows = list(dict.fromkeys(int(row) for part in parts for row in part))[:count]
    return [int(pool[row]) for row in rows]


def _judged(matrix: Float32, truth: Bools, rows: Rows, held: Rows, gamma: float) -> Told:
    signs = np.where(truth[rows], 1, -1).astype(np.int8)
    ranker = fit(matrix[rows], signs, gamma)
    scores = ranker.scores(matrix[held])
    said = scores > 0 if ranker.separates else np.full(len(held), bool((signs > 0).all()))
    ranked = truth[held][np.argsort(-scores, kind="stable")]
    return Told(float((said == truth[held]).mean()), average_precision(ranked))
