"""`train gate`: what tells posts about a crisis from others, with thresholds chosen on events that were left out.

Each event counts by the root of its posts, and related and unrelated posts count alike. The thresholds are those by
which so many of the related posts pass in the mean of the events that the weights did not learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.gate_posts import Bools, GatePosts
from stormpetrel.posts.gate.model import GateModel, LinearGate

FOLDS = 6
RIDGE = 1e-4
STEPS, PRECISION = 150, 1e-7
ORDINARY_SET, ORDINARY_SHARE, RELATED_ONLY_SHARE = "t6", 0.3, 0.3  # how much posts of these sets count beside others
WORDS_PASS, BOTH_PASS = 0.985, 0.955  # of the related posts of an event that was left out; both gates together: .95
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Weights (features,) and intercept of both regressions."""

    words: tuple[Array, float]
    meaning: tuple[Array, float]


class GateLearner:
    """Learns from all posts but those of events that are left out; what it has learned is kept."""

    def __init__(self, posts: GatePosts, say: Callable[[str], None]) -> None:
        self.posts, self._say = posts, say
        self._rows = np.hstack([posts.rows, np.ones((len(posts.facts), 1), dtype=np.float32)])
        self._first = posts.vectors.shape[1]  # column of the facts
        self._known: dict[frozenset[str], Weights] = {}

    def folds(self, events: Iterable[str] | None = None) -> list[frozenset[str]]:
        """All events, or those given, in folds of about as many posts."""
        chosen = set(self.posts.events.tolist()) if events is None else set(events)
        return event_folds([frozenset([str(event)]) for event in self.posts.events if event in chosen], FOLDS)

    def without(self, events: frozenset[str]) -> Weights:
        """What is learned without these events."""
        if events not in self._known:
            self._say(f"gate: learned without {', '.join(sorted(events)) or 'none'}")
            inside = ~np.isin(self.posts.events.astype(str), list(events))
            self._known[events] = Weights(self._fit(inside, self._first), self._fit(inside, 0))
        return self._known[events]

    def scores(self, weights: Weights, chosen: Bools) -> tuple[Array, Array]:
        """Scores by words and by meaning of the chosen posts; infinite where a text cannot be read."""
        facts, rows = self.posts.facts[chosen], self.posts.rows[chosen]
        words = facts @ weights.words[0] + weights.words[1]
        meaning = rows @ weights.meaning[0] + weights.meaning[1]
        unread = self.posts.unread[chosen]
        return np.where(unread, np.inf, words), np.where(unread, np.inf, meaning)

    def held_out(self, left_out: frozenset[str] = frozenset()) -> tuple[Array, Array]:
        """The scores of all posts but those of `left_out`, each by weights that knew neither them nor its event's fold:
        NaN elsewhere."""
        words, meaning = np.full((2, len(self.posts.related)), np.nan)
        names = self.posts.events.astype(str)
        for fold in self.folds():
            inside = np.isin(names, list(fold - left_out))
            if inside.any():
                words[inside], meaning[inside] = self.scores(self.without(left_out | fold), inside)
        return words, meaning

    def gates(self, left_out: frozenset[str] = frozenset()) -> tuple[LinearGate, LinearGate]:
        """Both gates, learned without these events: weights from all others, thresholds from these when left out."""
        weights = self.without(left_out)
        words, meaning = self.held_out(left_out)
        of_words = self._threshold(words, np.full(len(words), True), WORDS_PASS)
        of_meaning = self._threshold(meaning, words >= of_words, BOTH_PASS)
        return LinearGate(*weights.words, of_words), LinearGate(*weights.meaning, of_meaning)

    def _threshold(self, scores: Array, passed: Bools, share: float) -> float:
        """The score from which on so many of the related posts pass in the mean of the events, of which those that did
        not pass before are lost already."""
        names = self.posts.events.astype(str)
        chosen = self.posts.related & ~np.isnan(scores) & np.isin(names, list(self.posts.judged_events))
        _, event, counts = np.unique(names[chosen], return_inverse=True, return_counts=True)
        weight = 1.0 / (counts[event] * len(counts))
        scores = np.where(passed, scores, -np.inf)[chosen]
        order = np.argsort(scores)
        lost = np.cumsum(weight[order])
        return float(scores[order][min(int(np.searchsorted(lost, 1.0 - share, side="right")), len(order) - 1)])

    def _fit(self, chosen: Bools, first: int) -> tuple[Array, float]:
        """Logistic regression with a ridge, of the features from column `first` on."""
        from scipy.optimize import minimize

        rows = self._rows[chosen, first:]
        truth = np.where(self.posts.related[chosen], 1.0, -1.0).astype(np.float32)
        shares = self._shares(chosen).astype(np.float32)

        def loss(weights: Array) -> tuple[float, Array]:
            margins = -truth * (rows @ weights.astype(np.float32))
            ridge = np.append(weights[:-1], 0.0) * RIDGE
            slope = rows.T @ (-truth * shares / (1 + np.exp(-margins)))
            return float((shares * np.logaddexp(0, margins)).sum() + weights @ ridge / 2), slope + ridge

        # From nothing, not from what all events teach: that would carry over what is left out.
        start = np.zeros(rows.shape[1])
        weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": PRECISION}).x
        return weights[:-1], float(weights[-1])

    def _shares(self, chosen: Bools) -> Array:
        """How much each chosen post counts; the related and the unrelated ones make a half each."""
        sets, related = self.posts.sets[chosen].astype(str), self.posts.related[chosen]
        names = np.char.add(np.char.add(self.posts.events[chosen].astype(str), "/"), sets)
        _, event, counts = np.unique(names, return_inverse=True, return_counts=True)
        judged = np.isin(self.posts.events[chosen].astype(str), list(self.posts.judged_events))
        shares = 1.0 / np.sqrt(counts[event])
        shares *= np.where(sets == ORDINARY_SET, ORDINARY_SHARE, np.where(judged, 1.0, RELATED_ONLY_SHARE))
        for side in (related, ~related):
            shares[side] *= 0.5 / max(shares[side].sum(), 1e-12)
        return np.asarray(shares)


def train_gate(learner: GateLearner, text_model: str, fact_names: tuple[str, ...]) -> GateModel:
    """The gate, learned from all events."""
    words, meaning = learner.gates()
    names = tuple(sorted({str(event) for event in learner.posts.events}))
    return GateModel(text_model, learner.posts.vectors.shape[1], fact_names, words, meaning, names)
