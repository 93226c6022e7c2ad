"""How the weights of the learned tensor are fitted: by average precision itself, made smooth.

A step function of the order has no slope, so that each comparison of two scores becomes a sigmoid of their difference
(Brown et al., "Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval", ECCV 2020). What falls behind the
best single list costs more than what is won beside it: nobody thanks a fusion that loses a sure answer. The penalty on
the coefficients pulls towards 0, the plain tensor.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stormpetrel.fusion.learned_tensor import LIST_FEATURES, PAIR_FEATURES, LearnedTensor, surface_features
from stormpetrel.fusion.rank_list import RankList
from stormpetrel.fusion.tensor import surfaces_of

Array = NDArray[np.float64]
WIDTHS = ((0.1, 10), (0.02, 14))  # of the sigmoid, where a query's scores lie between 0 and 1; and steps with it
DEPTH = 100  # of the average precision
SINGLE = "text"  # the list that is the best one by itself
LOSS = 2.0  # what a loss against that list costs more than a gain brings
PENALTY = 1e-3
MOST_ANCHORS = 25  # relevant items of a query whose precision is taken; all others still count beside them


@dataclass(frozen=True)
class TrainingQuery:
    """A query as the fit sees it: each surface's features (surfaces, features) and each item's place on it (surfaces,
    items; infinite where it is not there), which items are relevant, the rows of those whose precision is taken, by
    what the sum of these is divided, the row of the best single list (-1: not there), and how much the query counts."""

    features: Array
    places: Array
    relevant: NDArray[np.bool_]
    anchors: NDArray[np.int64]
    total: float
    single: int
    weight: float

    @classmethod
    def of(
        cls, lists: Sequence[RankList], relevant: Collection[str], names: Sequence[str], weight: float = 1.0
    ) -> TrainingQuery | None:
        """None where no list holds a relevant item, or all items are relevant: such a query teaches nothing."""
        present, surfaces = surfaces_of(lists)
        truth = np.array([item in relevant for item in surfaces.ids], dtype=bool)
        if not truth.any() or truth.all():
            return None
        places = np.full((len(surfaces.columns), len(surfaces.ids)), np.inf)
        for number, rows in enumerate(surfaces.rankings):
            places[number, rows] = np.arange(1, len(rows) + 1)
        rows = np.flatnonzero(truth)
        # Evenly by the plain tensor's order: some of the first and some of the last.
        rows = rows[np.argsort(surfaces.place[rows])]
        anchors = rows[:: max(1, -(-len(rows) // MOST_ANCHORS))]
        total = min(len(relevant), DEPTH) * len(anchors) / len(rows)
        features = surface_features(present, surfaces.columns, names)
        single = next((n for n, columns in enumerate(surfaces.columns) if _is_single(present, columns)), -1)
        return cls(features, places, truth, anchors, total, single, weight)


def _is_single(lists: Sequence[RankList], columns: tuple[int, ...]) -> bool:
    return len(columns) == 1 and lists[columns[0]].modality == SINGLE


def smooth_precision(
    scores: Array, relevant: NDArray[np.bool_], anchors: NDArray[np.int64], total: float, width: float
) -> tuple[float, Array]:
    """The smooth average precision of scores (items,), and its slope by each score: the sum of the precision at each
    anchor, the row of a relevant item, divided by `total`."""
    above = 1 / (1 + np.exp(np.clip((scores[anchors][:, None] - scores[None, :]) / width, -40, 40)))
    above[np.arange(len(anchors)), anchors] = 0.0
    good = 1 + above @ relevant
    everything = 1 + above.sum(axis=1)
    by_pair = above * (1 - above) * (relevant[None, :] / everything[:, None] - (good / everything**2)[:, None])
    by_pair /= width * total
    slope = by_pair.sum(axis=0)
    slope[anchors] -= by_pair.sum(axis=1)
    return float((good / everything).sum() / total), slope


def fit_tensor(queries: Sequence[TrainingQuery], names: Sequence[str], constants: Sequence[float]) -> LearnedTensor:
    """The coefficients, and the constant of the reciprocal ranks, that suit these queries best."""
    total = sum(query.weight for query in queries)
    queries = [replace(query, weight=query.weight / total) for query in queries]
    fitted = [(*_ascend(queries, len(names) * LIST_FEATURES + PAIR_FEATURES, k), k) for k in constants]
    _, coefficients, k = max(fitted, key=lambda each: each[0])
    return LearnedTensor(tuple(names), coefficients, k)


def _ascend(queries: Sequence[TrainingQuery], size: int, k: float) -> tuple[float, Array]:
    """The largest objective, and the coefficients that have it: by L-BFGS, first with wide sigmoids, whose slope is
    felt from afar, then with narrow ones."""
    from scipy.optimize import minimize

    reciprocal = [(k + 1) / (k + query.places) for query in queries]
    coefficients, value = np.zeros(size), -np.inf
    for width, steps in WIDTHS:
        objective = partial(_loss, queries=queries, reciprocal=reciprocal, width=width)
        found = minimize(objective, coefficients, jac=True, method="L-BFGS-B", options={"maxiter": steps})
        coefficients, value = np.asarray(found.x, dtype=np.float64), -float(found.fun)
    return value, coefficients


def _loss(
    coefficients: Array, queries: Sequence[TrainingQuery], reciprocal: Sequence[Array], width: float
) -> tuple[float, Array]:
    """Minus the objective, and its slope."""
    value, slope = PENALTY * float(coefficients @ coefficients), 2 * PENALTY * coefficients
    for query, added in zip(queries, reciprocal, strict=True):
        gain, direction = _gain(query, added, coefficients, width)
        value -= query.weight * gain
        slope = slope - query.weight * direction
    return value, slope


def _gain(query: TrainingQuery, added: Array, coefficients: Array, width: float) -> tuple[float, Array]:
    """The smooth average precision, less what it loses against the best single list; and the slope by coefficient."""
    factors = query.features @ coefficients
    factors = np.exp(factors - factors.max())
    factors /= factors.sum()
    scores = factors @ added
    precision, slope = smooth_precision(scores, query.relevant, query.anchors, query.total, width)
    baseline = 0.0
    if query.single >= 0:
        baseline, _ = smooth_precision(added[query.single], query.relevant, query.anchors, query.total, width)
    scale = 1.0 + (LOSS if precision < baseline else 0.0)
    by_factor = factors * ((added - scores) @ slope)
    return precision - LOSS * max(0.0, baseline - precision), scale * (by_factor @ query.features)
