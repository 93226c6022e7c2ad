"""`train incidents`: what tells a real incident from a chance meeting of posts, from labelled events.

Every fold is learned from incidents of the other events, whose posts were told kinds by models that knew neither those
events nor the fold. So the confidence that judges an event has not seen it, not even through the kinds of posts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import EventRelevance
from stormpetrel.evaluation.alert_streams import PlayedPost, Stream
from stormpetrel.evaluation.alert_truth import OpenedAlert
from stormpetrel.evaluation.alerts import Judged, as_played, event_at, is_real
from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.signed_regression import fit_signed
from stormpetrel.incidents import Detector, Features, LearnedConfidence
from stormpetrel.incidents.confidence import ConfidenceWeights
from stormpetrel.incidents.rules import DetectionRules

FOLDS = 6
SHARPNESS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
PENALTIES = (0.1, 0.3, 1.0, 3.0)  # scikit-learn's C, of which events left out choose one
SIZES = (3, 4, 5, 6, 8, 10, 13, 16, 20, 30, 50)  # reports at which an incident is an example, all with one share
# All but one can only speak for an incident: more posts, languages or photos are no sign that nothing happens.
AGAINST = ("louder_elsewhere",)
SIGNS = np.array([-1.0 if name in AGAINST else 1.0 for name in Features._fields])
Array = NDArray[np.float64]
RelevanceWithout = Callable[[PlayedPost, frozenset[str]], tuple[EventRelevance, ...]]


class Untrained:
    """Opens every burst, so that incidents join and are louder than others as they are where the confidence is used."""

    version = "untrained"

    def probability(self, features: Features, post_ids: tuple[str, ...]) -> float:
        """Enough to open on."""
        return 0.6


@dataclass(frozen=True)
class IncidentExamples:
    """Features of incidents at their sizes, whether they were real, the event that their posts are of, how much each
    counts, and the incident's number."""

    rows: Array
    truth: NDArray[np.bool_]
    events: NDArray[np.object_]
    shares: Array
    incidents: NDArray[np.int_]

    def only(self, chosen: NDArray[np.bool_]) -> IncidentExamples:
        return IncidentExamples(*(getattr(self, each.name)[chosen] for each in fields(self)))


def gather(
    streams: Sequence[Stream],
    relevance_of: Callable[[PlayedPost], tuple[EventRelevance, ...]],
    english: Callable[[str], str],
) -> IncidentExamples:
    """Plays the streams and notes every incident at each of its revisions."""
    rows, truth, events, shares, incidents = [], [], [], [], []
    number = 0
    for stream in streams:
        for sizes in _grown(stream, Detector(Untrained(), english=english), relevance_of).values():
            number += 1
            for judged in sizes.values():
                rows.append(np.array(judged.features))
                truth.append(is_real(judged, stream.events))
                events.append(event_at(judged, stream.events))
                shares.append(1.0 / len(sizes))
                incidents.append(number)
    if not rows:
        raise SetupError("no burst in the data: nothing can be learned of incidents from it")
    return IncidentExamples(
        np.stack(rows),
        np.array(truth),
        np.array(events, dtype=object),
        np.array(shares, dtype=np.float64),
        np.array(incidents),
    )


def _grown(
    stream: Stream, detector: Detector, relevance_of: Callable[[PlayedPost], tuple[EventRelevance, ...]]
) -> dict[str, dict[int, Judged]]:
    """Each incident as it looked when it had so many reports, by its id and that size."""
    grown: dict[str, dict[int, Judged]] = {}
    for played in stream.posts:
        detector.take(as_played(played, relevance_of(played)))
        detector.advance(played.at)
        for incident in detector.incidents.values():
            if not incident.is_active or incident.latest_features is None:
                continue
            sizes = grown.setdefault(incident.incident_id, {})
            size = max((size for size in SIZES if size <= incident.posts), default=0)
            if size and size not in sizes:
                alert = OpenedAlert(incident.incident_id, incident.kind, *incident.centre(), played.at, 0.0)
                sizes[size] = Judged(alert, incident.is_open, incident.latest_features)
    return grown


def learn_confidence(examples: IncidentExamples) -> ConfidenceWeights:
    """A logistic regression of scaled features with known signs, whose penalty is the one that tells these events' own
    incidents best where it has not seen them. Raises SetupError where all incidents are real, or none."""
    if examples.truth.all() or not examples.truth.any():
        raise SetupError(
            "incidents of both sides are needed to learn from: real ones and false ones; play a background"
        )
    told = {penalty: _left_out(examples, penalty) for penalty in PENALTIES}
    best = max(PENALTIES, key=lambda penalty: float((_log_likelihood(examples, told[penalty]) * examples.shares).sum()))
    weights = _regression(examples, best)
    sharpness = _sharpness(examples, told[best])
    return replace(weights, weights=weights.weights * sharpness, intercept=weights.intercept * sharpness)


def _regression(examples: IncidentExamples, penalty: float) -> ConfidenceWeights:
    means, scales = examples.rows.mean(axis=0), examples.rows.std(axis=0)
    scales = np.where(scales > 1e-6, scales, 1.0)
    rows = (examples.rows - means) / scales
    weights, intercept = fit_signed(rows, examples.truth, examples.shares, penalty, SIGNS)
    return ConfidenceWeights(weights, intercept, means, scales)


def _left_out(examples: IncidentExamples, penalty: float) -> Array:
    """The probability of each example by what was learned from the other events."""
    told = np.full(len(examples.rows), 0.5)
    for fold in event_folds([frozenset([str(event)]) for event in examples.events], FOLDS):
        inside = np.array([event in fold for event in examples.events])
        rest = examples.only(~inside)
        if rest.truth.all() or not rest.truth.any():
            continue
        weights = _regression(rest, penalty)
        told[inside] = [weights.probability(Features(*row)) for row in examples.rows[inside]]
    return told


def _log_likelihood(examples: IncidentExamples, told: Array) -> Array:
    return np.asarray(np.log(np.where(examples.truth, told, 1 - told)))


def _sharpness(examples: IncidentExamples, told: Array) -> float:
    """By what the scores are multiplied so that they fit incidents when people hear of them: at the first size at which
    they open, or else at the last one (temperature scaling, Guo et al., ICML 2017)."""
    rules = DetectionRules()
    heard = []
    for number in np.unique(examples.incidents):
        own = np.flatnonzero(examples.incidents == number)
        posts = np.expm1(examples.rows[own, Features._fields.index("posts")])
        opens = own[(told[own] >= rules.opened_confidence) & (posts >= rules.opened_posts - 0.5)]
        heard.append(int(opens[0] if len(opens) else own[-1]))
    chosen = examples.only(np.isin(np.arange(len(told)), heard))
    scores = np.log(told[sorted(heard)] / (1 - told[sorted(heard)]))
    return max(SHARPNESS, key=lambda by: float(_log_likelihood(chosen, 1 / (1 + np.exp(-by * scores))).sum()))


def train_incidents(
    streams: Sequence[Stream],
    folds: Sequence[frozenset[str]],
    relevance_without: RelevanceWithout,
    english: Callable[[str], str],
    say: Callable[[str], None],
) -> LearnedConfidence:
    """The confidence, with what was learned without each fold of events."""
    without = []
    for number, fold in enumerate(folds, start=1):
        say(f"incidents: fold {number} of {len(folds)}, without {', '.join(sorted(fold))}")
        examples = gather(streams, lambda played, fold=fold: relevance_without(played, fold), english)  # type: ignore[misc]
        outside = np.array([event not in fold for event in examples.events])
        without.append((fold, learn_confidence(examples.only(outside))))
    examples = gather(streams, lambda played: relevance_without(played, frozenset()), english)
    weights = learn_confidence(examples)
    digest = hashlib.sha256(np.round(weights.weights, 5).tobytes()).hexdigest()[:8]
    names = tuple(sorted({str(event) for event in examples.events}))
    say(f"{len(examples.rows)} revisions of incidents, {examples.truth.mean():.0%} real")
    return LearnedConfidence(f"confidence1-{digest}", weights, tuple(without), names)


def weights_by_feature(confidence: LearnedConfidence) -> Mapping[str, Any]:
    """What each feature weighs, in standard deviations."""
    return {name: round(float(w), 3) for name, w in zip(Features._fields, confidence.weights.weights, strict=True)}
