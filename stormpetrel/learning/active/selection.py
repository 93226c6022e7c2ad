"""One round of active learning: score everything with the model of all labels, and pick what to label next: the top of
the ranking, the boundary (where a label teaches most: ambiguous items, unlike one another, after Ferecatu and Boujemaa
2007), and a coverage sample (what the collection is made of, where no label is yet)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.training.examples import Examples, Float32, Ranker, Rows

CANDIDATES = 6  # times as many ambiguous rows as are wanted, from which unlike ones are chosen
SAMPLE = 2000  # rows that the coverage sample is chosen from
LABELLED_CLUSTERS = 30  # clusters more, at most, for the labels that there are
STABLE = 0.9  # share of the top that must stay for a ranking to be stable
TOP_COMPARED = 100


@dataclass(frozen=True)
class Round:
    """What a round gives: the model, every row's score, and three lists of rows that bear no label yet."""

    ranker: Ranker
    scores: Float32
    top: Rows
    boundary: Rows
    coverage: Rows


def next_round(matrix: Float32, examples: Examples, ranker: Ranker, batch_size: int) -> Round:
    """A round over `matrix` (rows, dimensions) with the model of the examples; `batch_size` rows a list."""
    scores = ranker.scores(matrix)
    free = examples.unlabelled(len(matrix))
    top = best(scores, free, batch_size)
    boundary = ambiguous(matrix, scores, free, batch_size) if ranker.separates else np.empty(0, np.int64)
    rest = free.copy()
    rest[top] = rest[boundary] = False
    return Round(ranker, scores, top, boundary, representatives(matrix, examples.vectors, rest, batch_size))


def best(scores: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """The free rows with the highest scores, falling; ties by row."""
    rows = np.flatnonzero(free)
    count = min(count, len(rows))
    if not count:
        return np.empty(0, np.int64)
    lowest = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
    candidates = rows[scores[rows] >= lowest]
    return candidates[np.lexsort((candidates, -scores[candidates]))][:count]


def ambiguous(matrix: Float32, scores: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """Free rows near the boundary that are unlike one another. Of the nearest `CANDIDATES * count` the most ambiguous
    comes first, then always the one least like all chosen so far, weighed by how ambiguous it is."""
    near = best(-np.abs(scores), free, CANDIDATES * count)
    if not len(near):
        return near
    vectors = _unit(matrix[near])
    ambiguity = 1 - np.abs(scores[near]) / (float(np.abs(scores[near]).max()) or 1.0)
    chosen = [0]
    likeness = vectors @ vectors[0]
    while len(chosen) < min(count, len(near)):
        value = 0.5 * ambiguity - likeness
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        likeness = np.maximum(likeness, vectors @ vectors[chosen[-1]])
    return near[chosen]


def representatives(matrix: Float32, labelled: Float32, free: NDArray[np.bool_], count: int) -> Rows:
    """Free rows that stand for what the collection is made of, among evenly spaced ones: the middle of each cluster
    (k-means: Arthur and Vassilvitskii 2007), clusters without a label first, larger ones first. What is farthest from
    everything (Gonzalez 1985) is mostly odd, and teaches less."""
    rows = np.flatnonzero(free)
    rows = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    if len(rows) <= count or not count:
        return rows[:count]
    from sklearn.cluster import KMeans

    vectors = _unit(matrix[rows])
    size = min(len(rows), count + min(len(labelled), LABELLED_CLUSTERS))
    clustering = KMeans(size, n_init=1, max_iter=20, random_state=0).fit(vectors)
    with_label = clustering.predict(_unit(labelled)) if len(labelled) else []
    distances = clustering.transform(vectors)[np.arange(len(rows)), clustering.labels_]
    nearest_first = np.lexsort((-np.arange(len(rows)), distances, clustering.labels_))
    clusters, first, sizes = np.unique(clustering.labels_[nearest_first], return_index=True, return_counts=True)
    order = np.lexsort((clusters, -sizes, np.isin(clusters, with_label)))[:count]
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


def advise(previous: Ranker | None, current: Ranker, scores: Float32, matrix: Float32, last: Examples) -> Advice:
    """What to do after a round: stop where the ranking is stable and the model before predicted the last labels."""
    if previous is None or not previous.separates or not current.separates:
        return Advice(False, "two rounds with labels of both signs are needed to tell")
    size, everything = min(TOP_COMPARED, max(1, len(matrix) // 10)), np.ones(len(matrix), dtype=bool)
    previous_top = best(previous.scores(matrix), everything, size)
    stay = len(np.intersect1d(previous_top, best(scores, everything, size))) / size
    errors = int((np.sign(previous.scores(last.vectors)) != last.signs).sum()) if len(last.signs) else 0
    if stay >= STABLE and not errors:
        return Advice(True, "the ranking is stable and the last labels were all predicted", stay, errors)
    why = f"{errors} of the last {len(last.signs)} labels were not predicted" if errors else "the ranking still moves"
    return Advice(False, why, stay, errors)


def examples_from(
    rows_of: Mapping[str, int], matrix: Float32, labelled: Sequence[tuple[str, int, Float32 | None]]
) -> Examples:
    """(item, sign, its vector as it was annotated) as examples. An item of the collection teaches with the vector that
    it has there; an item that is gone teaches with its own, where it has the same dimensions."""
    own_dimensions = (len(vector) for _, _, vector in labelled if vector is not None)
    dimensions = matrix.shape[1] if len(matrix) else next(own_dimensions, 0)
    kept: list[tuple[int, Float32, int]] = []
    for item_id, sign, own_vector in labelled:
        row = rows_of.get(item_id, -1)
        vector = matrix[row] if row >= 0 else own_vector
        if vector is not None and len(vector) == dimensions:
            kept.append((row, vector, sign))
    if not kept:
        return Examples(np.empty(0, np.int64), np.empty((0, matrix.shape[1]), np.float32), np.empty(0, np.int8))
    rows, vectors, signs = zip(*kept, strict=True)
    return Examples(np.array(rows), np.stack(vectors).astype(np.float32), np.array(signs, np.int8))
