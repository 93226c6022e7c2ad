"""All that decides what is told: incidents, what people do with them, rules, silences and the notification log.

It is a fold of five topics. Not for two threads at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from stormpetrel.alerting.attention import NOBODY, Attention
from stormpetrel.alerting.inhibition import Inhibition
from stormpetrel.alerting.notification_log import NotificationLog
from stormpetrel.alerting.routing import Destination, destinations
from stormpetrel.alerting.silences import Silences
from stormpetrel.core.cells import is_cell
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import (
    AlertRule,
    AlertRuleDeleted,
    Channel,
    Event,
    Incident,
    IncidentAction,
    NotificationLogged,
    Silence,
    SilenceEnded,
)


class ReceiverProfile(Protocol):
    """What the planner knows of a receiver."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> Channel: ...


class World:
    """The state of everything that alerting follows. `receivers` are those of the configuration."""

    def __init__(self, receivers: Mapping[str, ReceiverProfile]) -> None:
        self.receivers = receivers
        self.incidents: dict[str, Incident] = {}
        self.rules: dict[str, AlertRule] = {}
        self.silences = Silences()
        self.log = NotificationLog()
        self.inhibition = Inhibition()
        self.seen_at: dict[str, datetime] = {}
        self._attention: dict[str, Attention] = defaultdict(lambda: NOBODY)
        self._destinations: dict[str, list[Destination]] = {}

    def apply(self, event: Event, now: datetime) -> None:
        """Takes an event of any of the five topics. `now` bounds the times of events from clocks that run ahead."""
        match event:
            case Incident():
                self._take_incident(event, now)
            case IncidentAction():
                self._attention[event.incident_id] = self._attention[event.incident_id].after(event)
            case AlertRule():
                self.rules[event.rule_id] = event
                self._destinations.clear()
            case AlertRuleDeleted():
                self.rules.pop(event.rule_id, None)
                self._destinations.clear()
            case Silence() | SilenceEnded():
                self.silences.apply(event)
            case NotificationLogged():
                self.log.apply(event)

    def _take_incident(self, incident: Incident, now: datetime) -> None:
        if not all(map(is_cell, incident.cells)):
            raise MalformedRecord(f"{incident.incident_id} revision {incident.revision} has cells that are none of H3")
        before = self.incidents.get(incident.incident_id)
        if before is not None and incident.revision <= before.revision:
            return
        if before is None or before.state == "closed":  # a group waits from its beginning, or its new beginning
            self.seen_at[incident.incident_id] = min(incident.decided_at, now)
        self.incidents[incident.incident_id] = incident
        self._destinations.pop(incident.incident_id, None)
        self.inhibition.put(incident)

    def attention(self, incident_id: str) -> Attention:
        """Where people stand with an incident."""
        return self._attention.get(incident_id, NOBODY)

    def destinations(self, incident: Incident) -> list[Destination]:
        """Where all rules send an incident."""
        if incident.incident_id not in self._destinations:
            rules = sorted(self.rules.items())
            self._destinations[incident.incident_id] = [
                destination for _, rule in rules for destination in destinations(rule, incident)
            ]
        return self._destinations[incident.incident_id]

    def goes_to(self, incident: Incident, receiver: str) -> bool:
        """Whether a receiver hears of an incident."""
        return any(destination.receiver == receiver for destination in self.destinations(incident))

    def open_incidents(self) -> set[str]:
        """The ids of all incidents that are not closed."""
        return {incident.incident_id for incident in self.incidents.values() if incident.state != "closed"}
