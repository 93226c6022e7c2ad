"""What kinds posts are of, told by models that did not learn from their events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import EventRelevance
from stormpetrel.evaluation.alert_streams import PlayedPost
from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.kind_training import FOLDS, KindExamples, learn_weights
from stormpetrel.posts.event_kinds import EventKinds, KindWeights, features

Array = NDArray[np.float64]


class _Features:
    """The features of posts, reckoned once: a post of the background plays many times."""

    def __init__(self, english: Callable[[str], str]) -> None:
        self._english = english
        self._rows: dict[str, Array] = {}

    def of(self, played: PlayedPost) -> Array | None:
        """Shape (1, features); None where the post has no vector."""
        post = played.post.post
        if post.text_vector is None:
            return None
        row = self._rows.get(post.post.post_id)
        if row is None:
            row = features(post.text_vector.values()[None, :], [self._english(post.clean_text)])
            self._rows[post.post.post_id] = row
        return row


class HeldOutKinds:
    """The learned kinds, of each post by the model that left its event out."""

    def __init__(self, kinds: EventKinds, english: Callable[[str], str]) -> None:
        self._kinds, self._features = kinds, _Features(english)
        self._told: dict[str, tuple[EventRelevance, ...]] = {}

    def of(self, played: PlayedPost) -> tuple[EventRelevance, ...]:
        """The relevance of a post; none where it has no vector."""
        post_id = played.post.post.post.post_id
        if post_id not in self._told:
            row = self._features.of(played)
            weights = self._kinds.weights_without(played.event)
            self._told[post_id] = () if row is None else self._kinds.told(weights.probabilities(row))[0]
        return self._told[post_id]


class NestedKinds:
    """Kinds for what learns from them in turn: of each post without its own event and without another fold."""

    def __init__(self, examples: KindExamples, english: Callable[[str], str]) -> None:
        self._examples, self._features = examples, _Features(english)
        self.folds = event_folds([frozenset([str(event)]) for event in examples.events], FOLDS)
        self._weights: dict[frozenset[int], KindWeights] = {}
        self._teller = EventKinds("", "kinds", KindWeights(np.zeros((0, 0)), np.zeros(0)))

    def without(self, played: PlayedPost, fold: frozenset[str]) -> tuple[EventRelevance, ...]:
        """The relevance of a post by a model that knew neither the fold nor the fold of the post's event."""
        row = self._features.of(played)
        if row is None:
            return ()
        numbers = frozenset(n for n, events in enumerate(self.folds) if events == fold or played.event in events)
        return self._teller.told(self._without(numbers).probabilities(row))[0]

    def _without(self, numbers: frozenset[int]) -> KindWeights:
        if numbers not in self._weights:
            left_out = frozenset[str]().union(*(self.folds[number] for number in numbers))
            inside = np.array([event in left_out for event in self._examples.events])
            self._weights[numbers] = learn_weights(self._examples.only(~inside))
        return self._weights[numbers]
