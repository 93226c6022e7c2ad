"""`train kinds`: what tells posts about floods, storms, earthquakes and wildfires from others, from labelled events.

Each event counts alike, and its related and unrelated posts do. A kind's examples are the related posts of its events;
all else is a counterexample, but a storm's posts are none for floods, nor a flood's for storms: they speak of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.alert_streams import is_related
from stormpetrel.evaluation.calibration import calibration
from stormpetrel.evaluation.enriched_events import LabelledEnrichedPost
from stormpetrel.evaluation.event_folds import event_folds, event_key
from stormpetrel.incidents import hazard_of
from stormpetrel.posts.event_kinds import KIND_WORDS, KINDS, EventKinds, KindWeights, features

FOLDS = 6
PENALTY = 0.5  # scikit-learn's C
Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class KindExamples:
    """Rows of features (posts, features), the event of each post by its key, and the kind that it is about, or none."""

    rows: Array
    events: NDArray[np.object_]
    kinds: NDArray[np.object_]

    def only(self, chosen: Bools) -> KindExamples:
        return KindExamples(self.rows[chosen], self.events[chosen], self.kinds[chosen])


def kind_of_event(name: str) -> str:
    """The kind that an event's name tells; "other" where it is none of ours.

    >>> kind_of_event("2012_Philipinnes_floods"), kind_of_event("2013_Russia_meteor")
    ('flood', 'other')
    """
    words = name.lower().replace("_", " ")
    return next(
        (kind for kind in ("storm", "flood", "earthquake", "wildfire") if KIND_WORDS[kind].search(words)), "other"
    )


def examples_of(sets: Mapping[str, Sequence[LabelledEnrichedPost]], english: Callable[[str], str]) -> KindExamples:
    """The labelled originals of each file of posts, by the file's name. Raises SetupError where there is none."""
    vectors, texts, events, kinds = [], [], [], []
    for name, posts in sets.items():
        for labelled in posts:
            related = is_related(labelled.labels)
            if related is None or labelled.post.text_vector is None:
                continue
            event = labelled.labels.get("event") or name
            vectors.append(labelled.post.text_vector.values())
            texts.append(english(labelled.post.clean_text))
            events.append(event_key(event))
            kinds.append(kind_of_event(event) if related else "none")
    if not vectors:
        raise SetupError("no labelled posts: give folders like tweets_crisislex, tweets_idrisi or tweets_crisismmd")
    rows = features(np.stack(vectors), texts)
    return KindExamples(rows, np.array(events, dtype=object), np.array(kinds, dtype=object))


def learn_weights(examples: KindExamples) -> KindWeights:
    """A logistic regression for each kind."""
    from sklearn.linear_model import LogisticRegression

    weights, intercepts = np.zeros((len(KINDS), examples.rows.shape[1])), np.full(len(KINDS), -8.0)
    shares = _shares(examples)
    for number, kind in enumerate(KINDS):
        truth = examples.kinds == kind
        counted = truth | np.array([hazard_of(str(other)) != hazard_of(kind) for other in examples.kinds])
        if not truth.any():
            continue  # no event of this kind: nothing is of it
        regression = LogisticRegression(C=PENALTY, max_iter=1000)
        regression.fit(examples.rows[counted], truth[counted], sample_weight=shares[counted])
        weights[number], intercepts[number] = regression.coef_[0], float(regression.intercept_[0])
    return KindWeights(weights, intercepts)


def _shares(examples: KindExamples) -> Array:
    """Each event counts alike, whether it has few posts or many; their mean is 1."""
    names, counts = np.unique(examples.events.astype(str), return_counts=True)
    count_of = dict(zip(names.tolist(), counts.tolist(), strict=True))
    shares = np.array([1.0 / count_of[str(event)] for event in examples.events])
    return np.asarray(shares * len(shares) / shares.sum())


def train_kinds(
    examples: KindExamples, text_model: str, say: Callable[[str], None]
) -> tuple[EventKinds, dict[str, Any]]:
    """The model, and its figures on events that it did not learn from."""
    folds = event_folds([frozenset([str(event)]) for event in examples.events], FOLDS)
    without: list[tuple[frozenset[str], KindWeights]] = []
    held_out = np.zeros((len(examples.rows), len(KINDS)))
    for number, fold in enumerate(folds, start=1):
        say(f"kinds: fold {number} of {len(folds)}, without {', '.join(sorted(fold))}")
        inside = np.array([event in fold for event in examples.events])
        weights = learn_weights(examples.only(~inside))
        held_out[inside] = weights.probabilities(examples.rows[inside])
        without.append((fold, weights))
    weights = learn_weights(examples)
    digest = hashlib.sha256(np.round(weights.weights, 4).tobytes()).hexdigest()[:8]
    names = tuple(sorted({str(event) for event in examples.events}))
    model = EventKinds(text_model, f"kinds1-{digest}", weights, tuple(without), names)
    return model, kind_report(examples, held_out)


def kind_report(examples: KindExamples, probabilities: Array) -> dict[str, Any]:
    """Average precision, F1 at .5, precision, recall and calibration of each kind. A post of its sister kind (a flood
    where storms are asked for) counts for neither side."""
    from sklearn.metrics import average_precision_score

    report: dict[str, Any] = {}
    for number, kind in enumerate(KINDS):
        truth = examples.kinds == kind
        counted = truth | np.array([hazard_of(str(other)) != hazard_of(kind) for other in examples.kinds])
        truth, scores = truth[counted], probabilities[counted, number]
        if truth.any():
            report[kind] = _figures(truth, scores) | {"ap": round(float(average_precision_score(truth, scores)), 4)}
    return report


def _figures(truth: Bools, scores: Array) -> dict[str, float]:
    says = scores >= 0.5
    right = float((truth & says).sum())
    precision, recall = right / max(1, says.sum()), right / max(1, truth.sum())
    f1 = 2 * right / max(1, says.sum() + truth.sum())
    figures = {"precision": precision, "recall": recall, "f1": f1, "posts": float(truth.sum())}
    return {name: round(float(value), 4) for name, value in figures.items()} | calibration(scores, truth)
