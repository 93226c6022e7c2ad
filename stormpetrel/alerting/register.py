"""The register of alerting in a process that serves people: rules, silences, actions, and what was told.

What is written goes to the log first and counts when it has come back from there. Safe for several threads.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from stormpetrel.alerting.cap_feed import CapFeed
from stormpetrel.alerting.explanation import Explanation, explain
from stormpetrel.alerting.matching import matches
from stormpetrel.alerting.messages import sending
from stormpetrel.alerting.receiver_settings import ReceiverSettings
from stormpetrel.alerting.recent_alerts import RecentAlerts
from stormpetrel.alerting.recent_changes import RecentChanges
from stormpetrel.alerting.silences import SilenceState, holds, state_of
from stormpetrel.alerting.trial import TRIAL_RULE, trial_message
from stormpetrel.alerting.world import World
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import (
    AlertMessage,
    AlertRule,
    AlertRuleDeleted,
    Event,
    Incident,
    IncidentAction,
    Matchers,
    NotificationLogged,
    Route,
    Silence,
    SilenceEnded,
)
from stormpetrel.core.topics import INCIDENT_ACTIONS, NOTIFICATIONS, RULES, SILENCES, Topic

MOST_ENTRIES = 20_000
MOST_ACTIONS = 200  # of an incident
Write = Callable[[Topic, str, Event], None]
Made = TypeVar("Made")


class AlertingRegister:
    """`write` returns when the log holds an event and `apply` was called with it; `wait_until_read` when everything
    that stood on the topics at the start is applied. Both raise StoreUnavailable."""

    def __init__(
        self,
        receivers: Mapping[str, ReceiverSettings],
        public_url: str,
        write: Write,
        wait_until_read: Callable[[], None],
    ) -> None:
        self.receivers = receivers
        self.cap, self.recent, self.changes = CapFeed(receivers, public_url), RecentAlerts(), RecentChanges()
        self._world, self._write, self._wait_until_read = World(receivers), write, wait_until_read
        self._entries: deque[NotificationLogged] = deque(maxlen=MOST_ENTRIES)
        self._actions: dict[str, deque[IncidentAction]] = defaultdict(lambda: deque(maxlen=MOST_ACTIONS))
        self._lock = threading.Lock()

    def apply(self, event: Event) -> None:
        """Takes an event of any of the topics of alerting."""
        with self._lock:
            self._world.apply(event, now())
            match event:
                case NotificationLogged():
                    self._entries.append(event)
                case IncidentAction():
                    self._actions[event.incident_id].append(event)
        match event:
            case NotificationLogged():
                self.cap.apply(event)
                self.recent.apply(event)
            case Incident() | IncidentAction():
                self.changes.apply(event)

    def rules(self) -> list[AlertRule]:
        """All rules, by id."""
        self._wait_until_read()
        with self._lock:
            return [rule for _, rule in sorted(self._world.rules.items())]

    def rule(self, rule_id: str) -> AlertRule:
        """Raises NotFound."""
        self._wait_until_read()
        with self._lock:
            if rule_id not in self._world.rules:
                raise NotFound(f"no rule has the id {rule_id}; GET /v1/alerting/rules lists them")
            return self._world.rules[rule_id]

    def put_rule(self, rule_id: str, title: str, route: Route, most_per_hour: int | None, author: str) -> AlertRule:
        """Writes a rule, in place of the one that had its id. Raises BadQuery."""
        if rule_id == TRIAL_RULE:
            raise BadQuery("rule_id", "tests of receivers have this id", "Give the rule another one")
        if unknown := sorted(route.receivers_below() - set(self.receivers)):
            names = ", ".join(sorted(self.receivers))
            raise BadQuery("route.receivers", f"no receiver is called {', '.join(unknown)}", f"There are: {names}")
        rule = _checked(
            lambda: AlertRule(
                rule_id=rule_id, title=title, route=route, most_per_hour=most_per_hour, author=author, changed_at=now()
            ),
            "route",
        )
        self._write(RULES, rule_id, rule)
        return rule

    def delete_rule(self, rule_id: str, author: str) -> None:
        """Raises NotFound."""
        self.rule(rule_id)
        self._write(RULES, rule_id, AlertRuleDeleted(rule_id=rule_id, author=author, deleted_at=now()))

    def silences(self) -> list[tuple[Silence, SilenceState, list[str]]]:
        """All silences with their state and the open incidents that they keep silent, the newest first."""
        self._wait_until_read()
        moment = now()
        with self._lock:
            incidents, open_ids = self._open(), self._world.open_incidents()
            return [
                (silence, state_of(silence, moment, open_ids), _silenced(silence, incidents, moment))
                for silence in self._world.silences.all()
            ]

    def silence(
        self, matchers: Matchers, author: str, reason: str, starts_at: datetime | None, ends_at: datetime | None
    ) -> Silence:
        """Writes a silence. Without `ends_at` it is for the open incidents that match now, until each is closed.

        Raises BadQuery.
        """
        self._wait_until_read()
        moment = now()
        if ends_at is None:
            with self._lock:
                matching = [each.incident_id for each in self._open() if matches(matchers, each)]
            if not matching:
                raise BadQuery("matchers", "no open incident matches", "Give ends_at, or match an open incident")
            matchers = Matchers(incident_ids=tuple(sorted(matching)[:1_000]))
        elif ends_at <= moment:
            raise BadQuery("ends_at", "it has passed already", "Give a moment to come")
        silence = _checked(
            lambda: Silence(
                silence_id=uuid.uuid4().hex,
                matchers=matchers,
                author=author,
                reason=reason,
                created_at=moment,
                starts_at=starts_at or moment,
                ends_at=ends_at,
            ),
            "matchers",
        )
        self._write(SILENCES, silence.silence_id, silence)
        return silence

    def end_silence(self, silence_id: str, author: str) -> None:
        """Raises NotFound."""
        self._wait_until_read()
        with self._lock:
            self._world.silences.get(silence_id)
        self._write(SILENCES, silence_id, SilenceEnded(silence_id=silence_id, author=author, ended_at=now()))

    def act(self, action: IncidentAction) -> None:
        """Writes what somebody does with an incident. Raises NotFound and BadQuery."""
        self._wait_until_read()
        with self._lock:
            if action.incident_id not in self._world.incidents:
                raise NotFound(f"no incident has the id {action.incident_id}; /v1/incidents lists them")
        if action.action == "handed_over" and not action.handed_to:
            raise BadQuery("handed_to", "it is missing", "Say who takes over")
        if action.action != "muted" and action.until is not None:
            raise BadQuery("until", "only a mute has an end", "Leave it out")
        if action.until is not None and action.until <= now():
            raise BadQuery("until", "it has passed already", "Give a moment to come, or none: until it is closed")
        self._write(INCIDENT_ACTIONS, action.incident_id, action)

    def actions(self, incident_id: str) -> list[IncidentAction]:
        """What people did with an incident, the oldest first."""
        self._wait_until_read()
        with self._lock:
            return list(self._actions.get(incident_id, ()))

    def notifications(
        self, incident_id: str | None, receiver: str | None, message_id: str | None, limit: int
    ) -> list[NotificationLogged]:
        """The newest entries of the log that this process holds, the newest first."""
        self._wait_until_read()
        with self._lock:
            entries = list(self._entries)
        of_incident = {
            each.message_id
            for each in entries
            if each.message and any(told.incident_id == incident_id for told in each.message.incidents)
        }
        chosen = [
            each
            for each in reversed(entries)
            if receiver in (None, each.receiver)
            and message_id in (None, each.message_id)
            and (incident_id in (None, each.incident_id) or (each.message_id and each.message_id in of_incident))
        ]
        return chosen[:limit]

    def explain(self, incident_id: str) -> Explanation:
        """Who was told what of an incident, and why nothing more is told. Raises NotFound."""
        self._wait_until_read()
        with self._lock:
            return explain(self._world, self._entries, incident_id, now())

    def try_receiver(self, name: str, author: str) -> AlertMessage:
        """Has the notify consumer send a message that says that it is a test. Raises NotFound."""
        if name not in self.receivers:
            raise NotFound(f"no receiver is called {name}; there are: {', '.join(sorted(self.receivers))}")
        message = trial_message(name, self.receivers[name].channel, author)
        entry = sending(message)
        self._write(NOTIFICATIONS, entry.key, entry)
        return message

    def _open(self) -> list[Incident]:
        return [incident for incident in self._world.incidents.values() if incident.state != "closed"]


def _silenced(silence: Silence, incidents: list[Incident], moment: datetime) -> list[str]:
    return [incident.incident_id for incident in incidents if holds(silence, incident, moment)]


def _checked(make: Callable[[], Made], field: str) -> Made:
    """What `make` gives. Raises BadQuery in place of pydantic's error."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem, _, remedy = first["msg"].removeprefix("Value error, ").partition("; ")
        path = ".".join(map(str, first["loc"])) or field
        raise BadQuery(path, problem, remedy.capitalize() or "/docs shows the whole form") from error
