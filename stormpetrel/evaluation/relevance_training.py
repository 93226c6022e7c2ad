"""How relevance is learned: a logistic regression of what a post's scores say, on judged queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.judged_queries import JudgedQuery
from stormpetrel.fusion import LearnedTensor
from stormpetrel.fusion.learned_tensor import FEEDBACK
from stormpetrel.search.relevance import FEATURES, relevance_features, scores_of_lists

NEVER_NEGATIVE = ("place", "moment")  # weights
RIDGE = 1e-5
FIRST, BEHIND = 100, 0.1  # how much an item behind the first hits counts beside one of them
Array = NDArray[np.float64]


def learn_relevance(queries: Sequence[JudgedQuery], shares: Sequence[float], fusion: LearnedTensor) -> Array:
    """The weights of the features, from all items of the lists; each query counts by its share. The first ones of the
    fused list, which people see, count most."""
    blocks, truths, row_shares = [], [], []
    for query, query_share in zip(queries, shares, strict=True):
        items, scores = scores_of_lists([ranked for ranked in query.lists if ranked.modality != FEEDBACK])
        if items:
            blocks.append(relevance_features(scores, query.words))
            truths.append([item in query.relevant for item in items])
            first = {item.id for item in fusion(query.lists)[:FIRST]}
            share = np.array([1.0 if item in first else BEHIND for item in items])
            row_shares.append(query_share * share / share.sum())
    return fit_relevance(np.vstack(blocks), np.concatenate(truths), np.concatenate(row_shares))


def fit_relevance(features: Array, truth: NDArray[np.bool_], shares: Array) -> Array:
    """Logistic regression of rows that count by their shares, with a ridge. To be near never makes a post less
    relevant: in sets whose queries name one place all over, the data alone would say so."""
    from scipy.optimize import minimize

    share = shares / shares.sum()

    def loss(weights: Array) -> tuple[float, Array]:
        log_odds = features @ weights
        value = share @ (np.logaddexp(0, log_odds) - truth * log_odds) + RIDGE * weights @ weights
        slope = features.T @ (share * (1 / (1 + np.exp(-log_odds)) - truth)) + 2 * RIDGE * weights
        return float(value), slope

    bounds = [(0.0, None) if name in NEVER_NEGATIVE else (None, None) for name in FEATURES]
    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300})
    return np.asarray(found.x, dtype=np.float64)
