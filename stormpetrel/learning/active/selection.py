"""One round of relevance feedback: score everything with a model of all labels, pick what to look at next.

Three lists come back: the top of the ranking (what has been found), the boundary (where a label teaches most; ambiguous
and unlike one another, after Ferecatu and Boujemaa 2007), and a coverage sample (what the collection is made of, where
no label is yet).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.training.support_vector_ranker import Float32

Rows = NDArray[np.int64]
CANDIDATES = 6  # times as many ambiguous rows as are asked for, from which unlike ones are chosen
SPREAD = 2000  # rows that the coverage sample is chosen from
COVERED = 30  # clusters more, at most, for the labels that there are
STABLE = 0.9  # share of the top that must stay for a ranking to be stable
TOP_COMPARED = 100


class Ranker(Protocol):
    """A fitted model of a label. Without both signs among its examples it may rank, but not separate."""

    @property
    def separates(self) -> bool: ...

    @property
    def version(self) -> str: ...

    def scores(self, matrix: Float32) -> Float32:
        """Of rows, shape (rows,): positive is the label's side."""
        ...


Fits = Callable[[Float32, NDArray[np.int8]], Ranker]


@dataclass(frozen=True)
class Round:
    """What a round gives: the model, every row's score, and three lists of rows that bear no label yet."""

    ranker: Ranker
    scores: Float32
    top: Rows
    boundary: Rows
    coverage: Rows


@dataclass(frozen=True)
class Examples:
    """Labelled items of a collection: their rows (-1 where an item is no longer in it), vectors and signs."""

    rows: Rows
    vectors: Float32
    signs: NDArray[np.int8]


def next_round(matrix: Float32, examples: Examples, ranker: Ranker, ask: int) -> Round:
    """A round over `matrix` (rows, dimensions) with the model of the examples. Each list has at most `ask` rows."""
    scores = ranker.scores(matrix)
    free = np.ones(len(matrix), dtype=bool)
    free[examples.rows[examples.rows >= 0]] = False
    top = best(scores, free, ask)
    boundary = ambiguous(matrix, scores, free, ask) if ranker.separates else np.empty(0, np.int64)
    rest = free.copy()
    rest[top] = rest[boundary] = False
    return Round(ranker, scores, top, boundary, representatives(matrix, examples.vectors, rest, ask))


def best(scores: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """The free rows with the highest scores, falling; ties by row."""
    rows = np.flatnonzero(free)
    count = min(count, len(rows))
    if not count:
        return np.empty(0, np.int64)
    edge = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
    held = rows[scores[rows] >= edge]
    return held[np.lexsort((held, -scores[held]))][:count]


def ambiguous(matrix: Float32, scores: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """Free rows near the boundary that are unlike one another: of the nearest `CANDIDATES * count` the most ambiguous
    first, then always the one least like all chosen so far, weighed by how ambiguous it is."""
    near = best(-np.abs(scores), free, CANDIDATES * count)
    if not len(near):
        return near
    vectors = _unit(matrix[near])
    doubt = 1 - np.abs(scores[near]) / (float(np.abs(scores[near]).max()) or 1.0)
    chosen = [0]
    likeness = vectors @ vectors[0]
    while len(chosen) < min(count, len(near)):
        value = 0.5 * doubt - likeness
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        likeness = np.maximum(likeness, vectors @ vectors[chosen[-1]])
    return near[chosen]


def representatives(matrix: Float32, known: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """Free rows that stand for what the collection is made of, among evenly spaced ones: the middle of each cluster
    (k-means: Arthur and Vassilvitskii 2007), those that no label lies in first, the larger ones first. What is farthest
    from everything (Gonzalez 1985) is mostly odd, and teaches less."""
    rows = np.flatnonzero(free)
    rows = rows[:: max(1, len(rows) // SPREAD)][:SPREAD]
    if len(rows) <= count or not count:
        return rows[:count]
    from sklearn.cluster import KMeans

    vectors = _unit(matrix[rows])
    size = min(len(rows), count + min(len(known), COVERED))
    made = KMeans(size, n_init=1, max_iter=20, random_state=0).fit(vectors)
    covered = made.predict(_unit(known)) if len(known) else []
    away = made.transform(vectors)[np.arange(len(rows)), made.labels_]
    nearest_first = np.lexsort((-np.arange(len(rows)), away, made.labels_))
    clusters, first, sizes = np.unique(made.labels_[nearest_first], return_index=True, return_counts=True)
    order = np.lexsort((clusters, -sizes, np.isin(clusters, covered)))[:count]
    return rows[nearest_first[first[order]]]


def _unit(vectors: Float32) -> Float32:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


@dataclass(frozen=True)
class Advice:
    """Whether to go on. `stay` is the share of the top that the last round's labels left in place; `errors` how many
    of them the model before had on the wrong side."""

    stop: bool
    why: str
    stay: float | None = None
    errors: int | None = None


def advice(before: Ranker | None, now: Ranker, scores: Float32, matrix: Float32, last: Examples) -> Advice:
    """What to do after a round: stop where the ranking is stable and the last labels (`last`) were no surprise."""
    if before is None or not before.separates or not now.separates:
        return Advice(False, "two rounds with labels of both signs are needed to tell")
    old = before.scores(matrix)
    size = min(TOP_COMPARED, max(1, len(matrix) // 10))
    everything = np.ones(len(matrix), dtype=bool)
    stay = len(np.intersect1d(best(old, everything, size), best(scores, everything, size))) / size
    errors = int((np.sign(before.scores(last.vectors)) != last.signs).sum()) if len(last.signs) else 0
    if stay >= STABLE and not errors:
        return Advice(True, "the ranking is stable and the last labels were all foreseen", stay, errors)
    why = f"{errors} of the last {len(last.signs)} labels were not foreseen" if errors else "the ranking still moves"
    return Advice(False, why, stay, errors)


def examples_of(
    rows_of: dict[str, int], matrix: Float32, judged: Sequence[tuple[str, int, Float32 | None]]
) -> Examples:
    """(item, sign, its vector as it was judged) as examples: an item that is in the collection teaches with the vector
    that it has there, one that is gone with its own."""
    held = [
        (rows_of.get(item, -1), sign, vector) for item, sign, vector in judged if item in rows_of or vector is not None
    ]
    vectors = [matrix[row] if row >= 0 else vector for row, _, vector in held]
    return Examples(
        np.array([row for row, _, _ in held], dtype=np.int64),
        np.stack(vectors).astype(np.float32) if vectors else np.empty((0, matrix.shape[1]), np.float32),  # type: ignore[arg-type]
        np.array([sign for _, sign, _ in held], dtype=np.int8),
    )
