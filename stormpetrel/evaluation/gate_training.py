"""`train gate`: what tells posts about a crisis from others, with thresholds chosen on events that were left out.

The thresholds are those by which so many of the related posts pass in the mean of the events that the weights did not
learn from.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.gate_posts import Bools, GatePosts
from stormpetrel.evaluation.gate_regression import NONE, Array, GateRegression, passing_threshold
from stormpetrel.posts.gate.model import GateModel, LinearGate

FOLDS = 6  # of about as many posts each
WORDS_PASS, BOTH_PASS = 0.985, 0.955  # of the related posts of an event that was left out; both gates together: .95


class GateLearner:
    """Learns both gates. `hazards` is the column of the facts that says whether there is a word for a hazard: the gate
    by words weighs it, the one by meaning does not."""

    def __init__(self, posts: GatePosts, say: Callable[[str], None], hazards: int | None = None) -> None:
        self.posts, self._say = posts, say
        self.folds = event_folds([frozenset([str(event)]) for event in posts.events], FOLDS)
        self._blank = _without_column(posts.facts, hazards)
        self._words = GateRegression(posts, posts.facts, self.folds)
        self._meaning = GateRegression(posts, np.hstack([posts.vectors, self._blank]), self.folds)

    def without_hazards(self) -> GateLearner:
        """The same where neither gate knows words for hazards."""
        other = copy(self)
        other._words = GateRegression(self.posts, self._blank, self.folds)
        return other

    def gates(self, left_out: frozenset[str] = NONE) -> tuple[LinearGate, LinearGate]:
        """The gates by words and by meaning, learned without these events: weights from all others, ridges and
        thresholds from those of the others that were left out in turn."""
        of_words = self._words.ridge(left_out, WORDS_PASS)
        of_meaning = self._meaning.ridge(left_out, BOTH_PASS)
        self._say(f"gate: ridges {of_words:g}, {of_meaning:g} without {', '.join(sorted(left_out)) or 'none'}")
        words, meaning = self._words.held_out(left_out, of_words), self._meaning.held_out(left_out, of_meaning)
        least_words = passing_threshold(self.posts, words, WORDS_PASS)
        least_meaning = passing_threshold(self.posts, np.where(words < least_words, -np.inf, meaning), BOTH_PASS)
        return (
            self._words.gate(left_out, of_words, least_words),
            self._meaning.gate(left_out, of_meaning, least_meaning),
        )

    def above(self, left_out: frozenset[str], chosen: Bools) -> tuple[Array, Array]:
        """By how much the chosen posts are above the thresholds of the gates that are learned without these events."""
        words, meaning = self.gates(left_out)
        return (
            self._words.scores(words, chosen) - words.threshold,
            self._meaning.scores(meaning, chosen) - meaning.threshold,
        )


def _without_column(facts: NDArray[np.float32], column: int | None) -> NDArray[np.float32]:
    blank = facts.copy()
    if column is not None:
        blank[:, column] = 0.0  # so it gets no weight
    return blank


def train_gate(learner: GateLearner, text_model: str, fact_names: tuple[str, ...]) -> GateModel:
    """The gate, learned from all events."""
    words, meaning = learner.gates()
    names = tuple(sorted({str(event) for event in learner.posts.events}))
    return GateModel(text_model, learner.posts.vectors.shape[1], fact_names, words, meaning, names)
