"""A simulated analyst: answers rounds of relevance feedback from a truth, as a person would. The model is scored on the
half of the collection that is never labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.evaluation.reports import average_precision
from stormpetrel.learning.training.examples import Examples, Float32
from stormpetrel.learning.training.kernel import Kernel, kernel_of
from stormpetrel.learning.training.support_vector_ranker import fit

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
    kernel, labelled = kernel_of(matrix), [first]
    ends = range(LABELS_A_ROUND, ROUNDS * LABELS_A_ROUND + 1, LABELS_A_ROUND)
    for end in ends:
        labelled += _next_labels(matrix, truth, pool, labelled, kernel, min(LABELS_A_ROUND, end - len(labelled)))
    one_shot = [first, *_next_labels(matrix, truth, pool, [first], kernel, ends[-1] - 1)]

    def scores(rows: list[int]) -> Scores:
        return _held_out_scores(examples_of(matrix, truth, np.array(rows)), matrix[held_out], truth[held_out], kernel)

    def curve(rows: list[int]) -> list[Scores]:
        return [scores(rows[:end]) for end in ends]

    return Session(curve(labelled), curve(random_rows), curve(random_after_first), scores(one_shot))


def halves(rng: np.random.Generator, count: int) -> tuple[Rows, Rows]:
    """The rows of a collection in random order, cut in two."""
    order = rng.permutation(count)
    return order[: count // 2], order[count // 2 :]


def signs_of(truth: Bools) -> NDArray[np.int8]:
    """1 where the label holds, -1 where it does not."""
    return np.where(truth, 1, -1).astype(np.int8)


def examples_of(matrix: Float32, truth: Bools, rows: Rows) -> Examples:
    """These rows of a collection as the analyst labels them."""
    return Examples(rows, matrix[rows], signs_of(truth[rows]))


def label_until(
    count: int, batch_size: int, labelled: list[int], choose: Callable[[Rows, int], Iterable[int]]
) -> list[int]:
    """`labelled` with more rows until it has `count`: in each round the first distinct ones of what `choose` answers,
    which gets all labelled rows and how many are wanted."""
    while len(labelled) < count:
        wanted = min(batch_size, count - len(labelled))
        labelled += list(dict.fromkeys(choose(np.array(labelled, np.int64), wanted)))[:wanted]
    return labelled


def _next_labels(
    matrix: Float32, truth: Bools, pool: Rows, labelled: list[int], kernel: Kernel, count: int
) -> list[int]:
    """The rows that the analyst labels next: of ten, seven of the boundary and three of the top; the coverage in place
    of the boundary while all labels have one sign."""
    examples = examples_of(matrix[pool], truth[pool], np.searchsorted(pool, labelled))
    batch = next_round(matrix[pool], examples, fit(examples.vectors, examples.signs, kernel), count)
    share = round(BOUNDARY * count)
    parts = (batch.boundary[:share], batch.top) if batch.ranker.separates else (batch.coverage, batch.top)
    return [int(pool[row]) for row in dict.fromkeys(np.concatenate(parts).tolist())][:count]


def _held_out_scores(examples: Examples, matrix: Float32, truth: Bools, kernel: Kernel) -> Scores:
    ranker = fit(examples.vectors, examples.signs, kernel)
    scores = ranker.scores(matrix)
    predicted = scores > 0 if ranker.separates else np.full(len(truth), (examples.signs > 0).all())
    return Scores(float((predicted == truth).mean()), average_precision(truth[np.argsort(-scores, kind="stable")]))
