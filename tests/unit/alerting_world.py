"""A world of alerting in the hand of a test: incidents, a clock, and receivers that take messages or refuse them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import h3

from stormpetrel.alerting.notifier import Notifier
from stormpetrel.alerting.world import World
from stormpetrel.core.errors import DeliveryFailed
from stormpetrel.core.events import (
    AlertMessage,
    AlertRule,
    Channel,
    Event,
    Incident,
    IncidentAction,
    NotificationLogged,
    RadarVerdict,
    Silence,
)

EVENING = datetime(2025, 11, 4, 20, tzinfo=UTC)
GENOA = (8.93, 44.41)


def cells_around(longitude: float, latitude: float, rings: int = 1, resolution: int = 7) -> tuple[str, ...]:
    return tuple(sorted(h3.grid_disk(h3.latlng_to_cell(latitude, longitude, resolution), rings)))


def incident(incident_id: str = "genoa", revision: int = 1, at: datetime = EVENING, **fields: Any) -> Incident:
    longitude, latitude = fields.pop("point", GENOA)
    return Incident.model_validate(
        {
            "incident_id": incident_id,
            "revision": revision,
            "kind": "flood",
            "state": "opened",
            "change": "opened" if revision == 1 else "confidence",
            "reason": "12 authors in 10 minutes",
            "confidence": 0.8,
            "posts_confidence": 0.8,
            "severity": "moderate",
            "place": "Genova",
            "country_code": "IT",
            "admin1_code": "08",
            "longitude": longitude,
            "latitude": latitude,
            "cells": cells_around(longitude, latitude),
            "first_post_at": at,
            "last_post_at": at,
            "changed_at": at,
            "decided_at": at,
            "posts": 12,
            "authors": 12,
            "languages": {"it": 9, "en": 3},
            "expected_rate": 0.5,
            "observed_rate": 72,
            "detector_version": "test@1",
        }
        | fields
    )


def verdict(words: str = "confirmed", at: datetime = EVENING) -> RadarVerdict:
    return RadarVerdict.model_validate(
        {
            "verdict": words,
            "scene_id": "S1A_TEST",
            "acquired_at": at,
            "decided_at": at,
            "new_water_km2": 3.0 if words == "confirmed" else 0,
            "observed_share": 1,
            "likelihood_ratio": 9 if words == "confirmed" else 0.2,
        }
    )


def rule(rule_id: str = "liguria", most_per_hour: int | None = None, **route: Any) -> AlertRule:
    matchers = {"admin_codes": ["IT"]} | route.pop("matchers", {})
    if "area" in matchers or "cells" in matchers or "everywhere" in matchers:
        matchers.pop("admin_codes")
    route = {"receivers": ["duty"], "group_wait_s": 10, "group_interval_s": 300, "repeat_interval_s": 3600} | route
    return AlertRule.model_validate(
        {
            "rule_id": rule_id,
            "title": f"Floods of {rule_id}",
            "route": {"matchers": matchers, **route},
            "most_per_hour": most_per_hour,
            "author": "ada",
            "changed_at": EVENING,
        }
    )


def silence(ends_at: datetime | None, number: int = 1, **matchers: Any) -> Silence:
    return Silence.model_validate(
        {
            "silence_id": f"{number:032x}",
            "matchers": matchers or {"admin_codes": ["IT"]},
            "author": "grace",
            "reason": "an exercise",
            "created_at": EVENING,
            "starts_at": EVENING,
            "ends_at": ends_at,
        }
    )


def action(kind: str, incident_id: str = "genoa", **fields: Any) -> IncidentAction:
    return IncidentAction.model_validate(
        {
            "action_id": f"{kind}-1",
            "incident_id": incident_id,
            "action": kind,
            "actor": "ada",
            "reason": "seen on site",
            "acted_at": EVENING,
        }
        | fields
    )


@dataclass(frozen=True)
class Profile:
    name: str
    channel: Channel = "webhook"


class Inbox:
    """A receiver that keeps what arrives; while `problem` is set it takes nothing."""

    def __init__(self) -> None:
        self.messages: list[AlertMessage] = []
        self.problem: str | None = None
        self.attempts = 0

    def deliver(self, message: AlertMessage) -> str:
        self.attempts += 1
        if self.problem:
            raise DeliveryFailed(self.problem)
        self.messages.append(message)
        return ""


class Telling:
    """The notifier on a log in memory, with a clock that the test moves."""

    def __init__(self, *receivers: str, log: list[NotificationLogged] | None = None) -> None:
        self.now = EVENING
        self.log: list[NotificationLogged] = [] if log is None else log
        self.inboxes = {name: Inbox() for name in receivers or ("duty",)}
        self.given_up: list[tuple[AlertMessage, str]] = []
        self.world = World({name: Profile(name) for name in self.inboxes})
        self.notifier = Notifier(
            self.world,
            self.inboxes,
            self._write,
            lambda message, problem: self.given_up.append((message, problem)),
            lambda: self.now,
            lambda _, deliver: deliver(),
        )
        for entry in self.log:
            self.notifier.apply(entry)

    def _write(self, entries: Sequence[NotificationLogged]) -> None:
        for entry in entries:
            self.log.append(entry)
            self.notifier.apply(entry)

    def take(self, *events: Event, after: float = 0) -> list[AlertMessage]:
        """Applies events `after` so many seconds, and returns what arrives at the first receiver."""
        self.now += timedelta(seconds=after)
        for event in events:
            self.notifier.apply(event)
        inbox = next(iter(self.inboxes.values()))
        before = len(inbox.messages)
        self.notifier.step()
        self.notifier.step()  # logs the ends of the deliveries
        return inbox.messages[before:]

    def wait(self, seconds: float) -> list[AlertMessage]:
        return self.take(after=seconds)

    def mutes(self) -> list[tuple[str, str, str]]:
        """(incident, kind, by) of each mute on the log."""
        return [
            (str(entry.incident_id), entry.mute.kind, entry.mute.by) for entry in self.log if entry.mute is not None
        ]


def reasons(messages: Sequence[AlertMessage]) -> list[str]:
    return [message.reason for message in messages]
