"""A simulated analyst: answers rounds of relevance feedback from a truth, as a person would. The model is scored on the
half of the collection that is never labelled."""

from __future__ import annotations

from collections.abc import Sequence
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
class Scores:
    """The scores of a label's model after a round, on the held-out patches."""

    accuracy: float
    average_precision: float | None


@dataclass(frozen=True)
class Session:
    """One analyst's work on a label, scored after each round: with the labels that active learning chose (`active`);
    with as many random labels (`random`), and with random labels after the same first example (`from_example`); and
    with as many that were chosen in one batch, with nothing learned in between (`one_shot`)."""

    active: list[Scores]
    random: list[Scores]
    from_example: list[Scores]
    one_shot: Scores


def run_session(matrix: Float32, truth: Bools, seed: int) -> Session:
    """Three rounds of ten labels over half of the collection, drawn by the seed; the other half is held out. It begins
    with one example of the label, which a person has chosen."""
    rng = np.random.default_rng(seed)
    pool, held_out = (np.sort(half) for half in halves(rng, len(matrix)))
    first = int(rng.choice(pool[truth[pool]]))
    random_rows = [int(row) for row in rng.permutation(pool)]
    random_after_first = [first, *(row for row in random_rows if row != first)]
    gamma, labelled = width_of(matrix), [first]
    active: list[Scores] = []
    random: list[Scores] = []
    from_example: list[Scores] = []

    def scores(rows: Sequence[int]) -> Scores:
        return _held_out_scores(matrix, truth, np.array(rows), held_out, gamma)

    for number in range(1, ROUNDS + 1):
        labelled += _next_labels(matrix[pool], truth[pool], pool, labelled, gamma, LABELS_A_ROUND - (number == 1))
        end = number * LABELS_A_ROUND
        active.append(scores(labelled[:end]))
        random.append(scores(random_rows[:end]))
        from_example.append(scores(random_after_first[:end]))
    batch = _next_labels(matrix[pool], truth[pool], pool, [first], gamma, ROUNDS * LABELS_A_ROUND - 1)
    return Session(active, random, from_example, scores([first, *batch]))


def halves(rng: np.random.Generator, count: int) -> tuple[Rows, Rows]:
    """The rows of a collection in random order, cut in two."""
    order = rng.permutation(count)
    return order[: count // 2], order[count // 2 :]


def signs_of(truth: Bools) -> NDArray[np.int8]:
    """1 where the label holds, -1 where it does not."""
    return np.where(truth, 1, -1).astype(np.int8)


def _next_labels(matrix: Float32, truth: Bools, pool: Rows, labelled: list[int], gamma: float, count: int) -> list[int]:
    """The rows that the analyst labels next: of ten, seven of the boundary and three of the top; the coverage in place
    of the boundary while all labels have one sign."""
    positions = np.searchsorted(pool, labelled)
    signs = signs_of(truth[positions])
    examples = Examples(positions, matrix[positions], signs)
    batch = next_round(matrix, examples, fit(examples.vectors, signs, gamma), count)
    share = round(BOUNDARY * count)
    parts = (batch.boundary[:share], batch.top) if batch.ranker.separates else (batch.coverage, batch.top)
    rows = list(dict.fromkeys(int(row) for part in parts for row in part))[:count]
    return [int(pool[row]) for row in rows]


def _held_out_scores(matrix: Float32, truth: Bools, rows: Rows, held_out: Rows, gamma: float) -> Scores:
    signs = signs_of(truth[rows])
    ranker = fit(matrix[rows], signs, gamma)
    scores = ranker.scores(matrix[held_out])
    predicted = scores > 0 if ranker.separates else np.full(len(held_out), bool((signs > 0).all()))
    ranked = truth[held_out][np.argsort(-scores, kind="stable")]
    return Scores(float((predicted == truth[held_out]).mean()), average_precision(ranked))
