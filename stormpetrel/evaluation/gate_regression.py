"""One of the gate's logistic regressions, learned from all posts but those of events that are left out.

Each event counts by the root of its posts, and related and unrelated posts count alike. The strength of the ridge is
chosen on events that the weights did not learn from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.gate_posts import Bools, GatePosts
from stormpetrel.posts.gate.model import LinearGate

RIDGES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
STEPS, PRECISION = 150, 1e-7
ORDINARY_SET, ORDINARY_SHARE, RELATED_ONLY_SHARE = "t6", 0.3, 0.3  # how much posts of these sets count beside others
Array = NDArray[np.float64]
Weights = tuple[Array, float]  # (features,), intercept
NONE: frozenset[str] = frozenset()


class GateRegression:
    """Learns from `rows` of shape (posts, features); what it has learned is kept. `folds` are those of the events, of
    which each is left out in turn."""

    def __init__(self, posts: GatePosts, rows: NDArray[np.float32], folds: Sequence[frozenset[str]]) -> None:
        self._folds = folds
        self._posts, self._rows = posts, np.hstack([rows, np.ones((len(rows), 1), dtype=np.float32)])
        self._events = posts.events.astype(str)
        self._known: dict[tuple[frozenset[str], float], Weights] = {}

    def gate(self, left_out: frozenset[str], ridge: float, threshold: float) -> LinearGate:
        """A gate that has not learned from these events."""
        return LinearGate(*self._without(left_out, ridge), threshold)

    def scores(self, gate: LinearGate, chosen: Bools) -> Array:
        """Scores of the chosen posts; infinite where a text cannot be read."""
        return np.where(self._posts.unread[chosen], np.inf, gate.scores(self._rows[chosen, :-1]))

    def held_out(self, left_out: frozenset[str], ridge: float) -> Array:
        """The scores of all posts but those of `left_out`, each by weights that knew neither them nor its event's fold:
        NaN elsewhere."""
        scores = np.full(len(self._rows), np.nan)
        for fold in self._folds:
            inside = np.isin(self._events, list(fold - left_out))
            if inside.any():
                scores[inside] = self.scores(self.gate(left_out | fold, ridge, 0.0), inside)
        return scores

    def ridge(self, left_out: frozenset[str], passed: float) -> float:
        """The ridge by which most unrelated posts are dropped where such a share of the related ones pass, both in the
        mean of the events that are not left out and that the weights did not learn from."""
        return max(RIDGES, key=lambda ridge: self._dropped(self.held_out(left_out, ridge), passed))

    def _dropped(self, scores: Array, passed: float) -> float:
        threshold = passing_threshold(self._posts, scores, passed)
        chosen, weight = _shares_of_events(self._posts, scores, ~self._posts.related)
        return float(weight[scores[chosen] < threshold].sum())

    def _without(self, events: frozenset[str], ridge: float) -> Weights:
        if (events, ridge) not in self._known:
            self._known[events, ridge] = self._fit(~np.isin(self._events, list(events)), ridge)
        return self._known[events, ridge]

    def _fit(self, chosen: Bools, ridge: float) -> Weights:
        from scipy.optimize import minimize

        rows = self._rows[chosen]
        truth = np.where(self._posts.related[chosen], 1.0, -1.0).astype(np.float32)
        shares = self._shares(chosen).astype(np.float32)

        def loss(weights: Array) -> tuple[float, Array]:
            margins = -truth * (rows @ weights.astype(np.float32))
            shrunk = np.append(weights[:-1], 0.0) * ridge
            slope = rows.T @ (-truth * shares / (1 + np.exp(-margins)))
            return float((shares * np.logaddexp(0, margins)).sum() + weights @ shrunk / 2), slope + shrunk

        # From nothing, not from what all events teach: that would carry over what is left out.
        start = np.zeros(rows.shape[1])
        weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": PRECISION}).x
        return weights[:-1], float(weights[-1])

    def _shares(self, chosen: Bools) -> Array:
        """How much each chosen post counts; the related and the unrelated ones make a half each."""
        sets, related = self._posts.sets[chosen].astype(str), self._posts.related[chosen]
        names = np.char.add(np.char.add(self._events[chosen], "/"), sets)
        _, event, counts = np.unique(names, return_inverse=True, return_counts=True)
        judged = np.isin(self._events[chosen], list(self._posts.judged_events))
        shares = 1.0 / np.sqrt(counts[event])
        shares *= np.where(sets == ORDINARY_SET, ORDINARY_SHARE, np.where(judged, 1.0, RELATED_ONLY_SHARE))
        for side in (related, ~related):
            shares[side] *= 0.5 / max(shares[side].sum(), 1e-12)
        return np.asarray(shares)


def passing_threshold(posts: GatePosts, scores: Array, share: float) -> float:
    """The score from which on such a share of the related posts pass in the mean of their events. A post without a
    score (NaN) does not count; one that another gate dropped scores minus infinity, and is lost."""
    chosen, weight = _shares_of_events(posts, scores, posts.related)
    order = np.argsort(scores[chosen])
    lost = np.cumsum(weight[order])
    return float(scores[chosen][order][min(int(np.searchsorted(lost, 1.0 - share, side="right")), len(order) - 1)])


def _shares_of_events(posts: GatePosts, scores: Array, side: Bools) -> tuple[Bools, Array]:
    """The posts of one side that have a score and an event that is judged, and how much each counts: events alike."""
    names = posts.events.astype(str)
    chosen = side & ~np.isnan(scores) & np.isin(names, list(posts.judged_events))
    _, event, counts = np.unique(names[chosen], return_inverse=True, return_counts=True)
    return chosen, 1.0 / (counts[event] * len(counts))
