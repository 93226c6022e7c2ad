"""What an alert should have told of labelled events, and which incidents are right by it.

A right incident has the kind of the event (storm and flood count for each other), its centre in the event's box or
within 100 km of it, and opens between the event's first and last related post. Another one for the same event is a
duplicate, any other a false alarm; but one on an event of another kind is neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.event_folds import event_key
from stormpetrel.evaluation.folders import json_records
from stormpetrel.incidents import hazard_of

AROUND_KM = 100.0
RECALLED = ("flood", "storm", "earthquake", "wildfire")  # the kinds of events that are to be found
FORM = 'give JSON lines of {"event", "kind", "box": [west, south, east, north], "from", "until", "relevant_posts"}'


@dataclass(frozen=True)
class TrueEvent:
    """An event that happened: its kind, its box (west, south, east, north in degrees), its first and last related post,
    and how many there are."""

    name: str
    kind: str
    box: tuple[float, float, float, float]
    since: datetime
    until: datetime
    relevant_posts: int

    @property
    def is_recalled(self) -> bool:
        """Whether the detector should find it."""
        return self.kind in RECALLED

    @property
    def key(self) -> str:
        return event_key(self.name)

    def moved(self, by: timedelta) -> TrueEvent:
        """The same event at another time."""
        return replace(self, since=self.since + by, until=self.until + by)

    def holds(self, longitude: float, latitude: float, at: datetime) -> bool:
        """Whether an incident that opened there and then is on this event, whatever its kind."""
        west, south, east, north = self.box
        nearest = min(max(longitude, west), east), min(max(latitude, south), north)
        near = float(distance_km(longitude, latitude, [nearest[0]], [nearest[1]])[0]) <= AROUND_KM
        return near and self.since <= at <= self.until

    def is_kind(self, kind: str) -> bool:
        return hazard_of(kind) == hazard_of(self.kind)


@dataclass(frozen=True)
class OpenedAlert:
    """An incident when it opened, with the probability that it was told with."""

    alert_id: str
    kind: str
    longitude: float
    latitude: float
    at: datetime
    confidence: float


@dataclass(frozen=True)
class Matches:
    """The first right alert of each event by its name, the later ones, those on events that need not be found or under
    another kind, and those on no event."""

    first: dict[str, OpenedAlert]
    duplicates: tuple[OpenedAlert, ...]
    on_others: tuple[OpenedAlert, ...]
    false: tuple[OpenedAlert, ...]


def read_truth(file: Path) -> list[TrueEvent]:
    """Raises SetupError where the file is not of this form."""
    events = []
    for number, record in enumerate(json_records(file.read_text(encoding="utf-8").splitlines()), start=1):
        try:
            west, south, east, north = (float(value) for value in record["box"])
            events.append(
                TrueEvent(
                    str(record["event"]),
                    str(record["kind"]),
                    (west, south, east, north),
                    datetime.fromisoformat(str(record["from"])),
                    datetime.fromisoformat(str(record["until"])),
                    int(record["relevant_posts"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SetupError(f"{file}, record {number}: {error!r}; {FORM}") from error
    if not events:
        raise SetupError(f"no events in {file}: {FORM}")
    return events


def match_alerts(alerts: Iterable[OpenedAlert], events: Sequence[TrueEvent]) -> Matches:
    """Sorts alerts by what they are, in the order in which they opened."""
    first: dict[str, OpenedAlert] = {}
    duplicates, on_others, false = [], [], []
    for alert in sorted(alerts, key=lambda alert: (alert.at, alert.alert_id)):
        here = [event for event in events if event.holds(alert.longitude, alert.latitude, alert.at)]
        right = [event for event in here if event.is_recalled and event.is_kind(alert.kind)]
        new = [event for event in right if event.name not in first]
        if new:
            first[new[0].name] = alert
        elif right:
            duplicates.append(alert)
        elif here:
            on_others.append(alert)
        else:
            false.append(alert)
    return Matches(first, tuple(duplicates), tuple(on_others), tuple(false))
