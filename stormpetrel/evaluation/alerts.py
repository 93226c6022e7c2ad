"""`eval alerts`: labelled events played in event time through the real detector, judged by what an alert should tell.

No event is judged by what learned from it: the kinds of each post and the confidence of each incident are those that
were learned without the event's fold. Baselines see the same posts, relevance and places.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import numpy as np

from stormpetrel.core.events import EnrichedPost, EventRelevance, Incident
from stormpetrel.evaluation.alert_baselines import BASELINES, Baseline
from stormpetrel.evaluation.alert_streams import PlayedPost, Stream
from stormpetrel.evaluation.alert_truth import OpenedAlert, TrueEvent, match_alerts
from stormpetrel.evaluation.calibration import calibration, calibration_interval, error_by_chance, reliability
from stormpetrel.incidents import Detector, Features, LearnedConfidence
from stormpetrel.incidents.reports import report_of
from stormpetrel.incidents.rules import DetectionRules
from stormpetrel.posts.event_places import with_event_relevance

POSTS_SEEN = (5, 10, 20, 50)
GRACE = timedelta(minutes=5)  # an event counts as found by its k-th post also within five minutes of its first
RelevanceOf = Callable[[PlayedPost], tuple[EventRelevance, ...]]


class HeldOutConfidence:
    """A confidence that judges each incident by what was learned without the event that most of its posts are of."""

    def __init__(self, learned: LearnedConfidence, event_of: Mapping[str, str]) -> None:
        self._learned, self._event_of = learned, event_of
        self.version = learned.version

    def probability(self, features: Features, post_ids: tuple[str, ...]) -> float:
        """As the fold's model tells it."""
        events = Counter(self._event_of.get(post_id, "") for post_id in post_ids)
        event = max(events, key=lambda name: (events[name], name), default="")
        return self._learned.weights_without(event).probability(features)


@dataclass(frozen=True)
class Judged:
    """An incident at one revision: where it was, what it looked like, and its confidence by the posts."""

    alert: OpenedAlert
    is_open: bool
    features: Features


@dataclass
class Playing:
    """What came out of a stream: the alerts as they opened, and every incident as it was last told."""

    alerts: list[OpenedAlert]
    judged: dict[str, list[Judged]]


def as_played(played: PlayedPost, relevance: tuple[EventRelevance, ...]) -> EnrichedPost:
    """The enriched post at its time in the stream."""
    post = played.post.post
    moved = post.post.model_copy(update={"created_at": played.at, "ingested_at": played.at, "post_id": played.post_id})
    return with_event_relevance(post.model_copy(update={"post": moved}), relevance)


def play(stream: Stream, detector: Detector, relevance_of: RelevanceOf) -> Playing:
    """Plays a stream through a detector."""
    playing = Playing([], {})
    for played in stream.posts:
        revisions = detector.take(as_played(played, relevance_of(played)))
        for revision in [*revisions, *detector.advance(played.at)]:
            _note(playing, revision, detector)
    return playing


def _note(playing: Playing, revision: Incident, detector: Detector) -> None:
    alert = OpenedAlert(
        revision.incident_id,
        revision.kind,
        revision.longitude,
        revision.latitude,
        revision.changed_at,
        revision.posts_confidence,
    )
    known = playing.judged.setdefault(revision.incident_id, [])
    is_open = revision.opened_at is not None
    if is_open and all(each.alert_id != revision.incident_id for each in playing.alerts):
        playing.alerts.append(alert)
    tracked = detector.incidents.get(revision.incident_id)
    if tracked is not None and tracked.latest_features is not None:
        known.append(Judged(alert, is_open, tracked.latest_features))


def evaluate_alerts(
    streams: Mapping[str, Stream],
    learned: LearnedConfidence,
    relevance_of: RelevanceOf,
    english: Callable[[str], str],
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The report. The figures are those of the stream `one_by_one`; the others stand under `runs`."""
    reports = {}
    for name, stream in streams.items():
        say(f"{name}: {len(stream.posts)} posts in {stream.weeks:.0f} weeks")
        event_of = {played.post_id: played.event for played in stream.posts}
        detector = Detector(HeldOutConfidence(learned, event_of), english=english)
        playing = play(stream, detector, relevance_of)
        reports[name] = figures(stream, playing.alerts) | _calibration(stream, playing)
        reports[name]["skipped"] = dict(detector.skipped)
        reports[name]["baselines"] = {
            baseline: figures(stream, run_baseline(stream, make(), relevance_of, english))
            for baseline, make in BASELINES.items()
        }
    first, *_ = reports
    return {**reports[first], "runs": {name: report for name, report in reports.items() if name != first}}


def run_baseline(
    stream: Stream, baseline: Baseline, relevance_of: RelevanceOf, english: Callable[[str], str]
) -> list[OpenedAlert]:
    """The alerts of a baseline on the same posts, relevance and places."""
    rules = DetectionRules()
    alerts: list[OpenedAlert] = []
    for played in stream.posts:
        if played.post.post.duplicate_of is not None:
            continue
        report = report_of(as_played(played, relevance_of(played)), played.at, rules, english)
        if report is not None:
            alerts += baseline.take(report)
    return alerts


def figures(stream: Stream, alerts: Sequence[OpenedAlert]) -> dict[str, Any]:
    """Precision, recall and F1 of alerts, duplicates, false alarms a week, and how soon events were found."""
    recalled = [event for event in stream.events if event.is_recalled]
    matches = match_alerts(alerts, stream.events)
    found = {event.name: matches.first[event.name] for event in recalled if event.name in matches.first}
    right, false = len(found), len(matches.false)
    precision, recall = right / max(1, right + false), right / max(1, len(recalled))
    seen = {event.name: _located(stream, event.name) for event in recalled}
    minutes = [(found[event.name].at - event.since) / timedelta(minutes=1) for event in recalled if event.name in found]
    return {
        "events": len(recalled),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / (precision + recall), 4) if right else 0.0,
        "median_minutes_to_alert": round(median(minutes), 1) if minutes else None,
        "recall_by_posts_seen": {
            str(count): round(
                sum(_found_by(event, found.get(event.name), seen[event.name], count) for event in recalled)
                / max(1, len(recalled)),
                4,
            )
            for count in POSTS_SEEN
        },
        "duplicates": len(matches.duplicates),
        "false_alarms": false,
        "false_alarms_per_week": round(false / max(stream.weeks, 1e-9), 4),
        "weeks": round(stream.weeks, 2),
        "by_event": {event.name: _of_event(event, found.get(event.name), seen[event.name]) for event in recalled},
    }


def _located(stream: Stream, event: str) -> list[datetime]:
    """When the event's related posts with a place came."""
    return [played.at for played in stream.posts if played.truth == event and played.post.post.places]


def _found_by(event: TrueEvent, alert: OpenedAlert | None, seen: Sequence[datetime], count: int) -> bool:
    """Whether an event was found by its so-manieth related, located post, or within five minutes of its first."""
    if alert is None or not seen:
        return False
    last = seen[min(count, len(seen)) - 1]
    return alert.at <= max(last, seen[0] + GRACE)


def _of_event(event: TrueEvent, alert: OpenedAlert | None, seen: Sequence[datetime]) -> dict[str, Any]:
    if alert is None:
        return {"found": False, "minutes": None, "posts_seen": None, "kind": event.kind}
    return {
        "found": True,
        "minutes": round((alert.at - event.since) / timedelta(minutes=1), 1),
        "posts_seen": bisect_right(seen, alert.at),
        "kind": alert.kind,
    }


def told(playing: Playing) -> list[Judged]:
    """Each incident as it opened, or, where it never did, as it was last told."""
    return [
        next((each for each in revisions if each.is_open), revisions[-1])
        for revisions in playing.judged.values()
        if revisions
    ]


def is_real(judged: Judged, events: Iterable[TrueEvent]) -> bool:
    """Whether an incident is on an event of its kind. A flood that is told where the earth shook is not real."""
    alert = judged.alert
    return any(event.holds(alert.longitude, alert.latitude, alert.at) and event.is_kind(alert.kind) for event in events)


def event_at(judged: Judged, events: Sequence[TrueEvent]) -> str:
    """The key of the event that plays when an incident is told."""
    alert = judged.alert
    playing = [event for event in events if event.since <= alert.at <= event.until]
    near = [event for event in playing if event.holds(alert.longitude, alert.latitude, alert.at)]
    return (near or playing or list(events))[0].key


def _calibration(stream: Stream, playing: Playing) -> dict[str, Any]:
    """How far the confidence can be taken at its word, over all incidents that were told; the interval of its error by
    a bootstrap over events, and the error that a perfect confidence would show of so few."""
    incidents = told(playing)
    if not incidents:
        return {"ece": None, "reliability": []}
    probabilities = np.array([each.alert.confidence for each in incidents])
    truth = np.array([is_real(each, stream.events) for each in incidents])
    errors = calibration(probabilities, truth)
    return {
        "ece": errors["ece"],
        "ece_interval": calibration_interval(
            probabilities, truth, [event_at(each, stream.events) for each in incidents]
        ),
        "ece_by_chance": error_by_chance(probabilities),
        "brier": errors["brier"],
        "incidents": len(incidents),
        "reliability": reliability(probabilities, truth),
    }
