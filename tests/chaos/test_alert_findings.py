"""What a run of kills looks for is found where it is, and nothing where nothing is wrong."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from stormpetrel.alerting.rendering import Renderer
from stormpetrel.core.clock import now
from stormpetrel.core.topics import INCIDENTS, NOTIFICATIONS, Topic
from stormpetrel.log import Record, record_of_event
from stormpetrel.receivers.webhook import webhook_body
from tests.chaos.alert_findings import findings
from tests.chaos.alert_kills import closings, everywhere, wrong_in
from tests.chaos.incident_load import courses, interleaved, mutes_of, silence_of
from tests.unit.alerting_world import Telling


class Sent:
    """What a webhook was sent."""

    def __init__(self, requests: list[tuple[dict[str, str], bytes]]) -> None:
        self.requests = requests


class Logged:
    """A log in memory."""

    def __init__(self, events: dict[str, list[Any]]) -> None:
        self._events = events

    def read(self, topic: Topic) -> Iterator[Record]:
        for offset, event in enumerate(self._events[topic.name]):
            made = record_of_event(topic, "key", event)
            yield Record(topic.name, 0, offset, b"key", made.value, dict(made.headers))


@pytest.fixture(scope="module")
def night() -> tuple[Sent, dict[str, list[Any]], Any]:
    """Some incidents that a notifier without kills has told, from the first to the all clear."""
    generator = random.Random(5)
    made = courses(generator, 20, 8)
    telling = Telling("duty")
    telling.now = now()
    telling.take(everywhere(), silence_of(made), *mutes_of(made))
    sent = list(interleaved(generator, made))
    for change in sent:
        telling.take(change, after=2)
    for closed in itertools.chain.from_iterable(closings(made, 3)):
        sent.append(closed)
        telling.take(closed, after=2)
    telling.now += timedelta(seconds=5)
    telling.wait(5)
    renderer = Renderer("http://127.0.0.1:8000", "en", None)
    requests = []
    for message in telling.inboxes["duty"].messages:
        words = renderer.render(message)
        requests.append(({"webhook-id": message.message_id}, webhook_body(message, words.subject, words.text)))
    return Sent(requests), {INCIDENTS.name: sent, NOTIFICATIONS.name: telling.log}, made


def _wrong(requests: list[Any], events: dict[str, list[Any]], made: Any) -> dict[str, Any]:
    return wrong_in(findings(Logged(events), Sent(requests), made, []))  # type: ignore[arg-type]


def test_a_night_without_kills_has_no_findings(night: Any) -> None:
    sent, events, made = night
    assert _wrong(sent.requests, events, made) == {}
    assert _wrong(sent.requests + sent.requests[:3], events, made) == {}, "a repeat under its id is right"


def test_what_is_missing_doubled_or_unexplained_is_found(night: Any) -> None:
    sent, events, made = night
    assert {"gaps", "pending"} <= _wrong(sent.requests[1:], events, made).keys()
    assert "lost" in _wrong(sent.requests[:5], events, made)
    (headers, body), *_ = sent.requests
    assert "doubled_ids" in _wrong([*sent.requests, (headers, body + b" ")], events, made)
    assert "told_twice" in _wrong([*sent.requests, ({"webhook-id": "msg_other"}, body)], events, made)
    unmuted = [entry for entry in events[NOTIFICATIONS.name] if entry.mute is None]
    assert "unexplained" in _wrong(sent.requests, {**events, NOTIFICATIONS.name: unmuted}, made)
    assert "revisions_wrong" in _wrong(sent.requests, {**events, INCIDENTS.name: events[INCIDENTS.name][1:]}, made)
