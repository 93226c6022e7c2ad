"""Who was told what of an incident, what was muted and why, and why some were not told at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from stormpetrel.alerting.differences import difference
from stormpetrel.alerting.grouping import group_of
from stormpetrel.alerting.mutes import mute_of
from stormpetrel.alerting.routing import Destination, why_not
from stormpetrel.alerting.world import World
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import Incident, Mute, NotificationLogged

StandingCode = Literal[
    "nothing_new",
    "false_alarm",
    "waits_for_message",
    "muted",
    "waits_for_interval",
    "no_rule_now",
    "not_meant",
    "closed",
    "no_receiver",
]


@dataclass(frozen=True)
class PastEntry:
    """What the log says of the incident at one moment."""

    at: datetime
    receiver: str
    outcome: Literal["sending", "sent", "failed", "muted"]
    reason: str
    revision: int | None = None
    message_id: str | None = None
    mute: Mute | None = None
    problem: str = ""


@dataclass(frozen=True)
class Standing:
    """How things stand now with one receiver, or with one rule that has none for the incident. `why` says in English
    what `code` says; `mute` is what keeps something back."""

    rule_id: str
    receiver: str | None
    code: StandingCode
    why: str
    mute: Mute | None = None


@dataclass(frozen=True)
class Explanation:
    """All that alerting has done with an incident, and why it does nothing more now."""

    incident_id: str
    place: str
    state: str
    revision: int
    past: tuple[PastEntry, ...]
    standing: tuple[Standing, ...]


def explain(world: World, entries: Iterable[NotificationLogged], incident_id: str, now: datetime) -> Explanation:
    """`entries` are those of the log, in its order. Raises NotFound."""
    incident = world.incidents.get(incident_id)
    if incident is None:
        raise NotFound(f"no incident has the id {incident_id}; /v1/incidents lists them")
    past = sorted(_past(entries, incident_id), key=lambda entry: entry.at)
    standing = tuple(_standing(world, incident, now))
    return Explanation(incident_id, incident.place, incident.state, incident.revision, tuple(past), standing)


def _past(entries: Iterable[NotificationLogged], incident_id: str) -> Iterable[PastEntry]:
    ours: dict[str, tuple[str, int]] = {}  # by message: the reason and revision by which it tells of the incident
    for entry in entries:
        if entry.outcome == "muted":
            if entry.incident_id == incident_id:
                yield PastEntry(
                    entry.logged_at, entry.receiver, "muted", str(entry.reason), entry.revision, mute=entry.mute
                )
            continue
        for told in entry.message.incidents if entry.message else ():
            if told.incident_id == incident_id:
                ours[str(entry.message_id)] = told.reason, told.revision
        if (known := ours.get(str(entry.message_id))) is not None:
            reason, revision = known
            yield PastEntry(
                entry.logged_at,
                entry.receiver,
                entry.outcome,
                reason,
                revision,
                entry.message_id,
                problem=entry.problem,
            )


def _standing(world: World, incident: Incident, now: datetime) -> Iterable[Standing]:
    routed = world.destinations(incident) if incident.state != "closed" else []
    for destination in routed:
        yield _towards(world, destination, incident, now)
    for state in world.log.states.values():
        told = state.told.get(incident.incident_id)
        if told is not None and not any(each.receiver == state.receiver for each in routed):
            why = f"was told of revision {told.revision}; no rule tells now"
            yield Standing(state.rule_id, state.receiver, "no_rule_now", why)
    reached = {destination.rule.rule_id for destination in routed}
    for rule_id, rule in sorted(world.rules.items()):
        if rule_id not in reached:
            if (mismatch := why_not(rule, incident)) is not None:
                yield Standing(rule_id, None, "not_meant", mismatch)
            elif incident.state == "closed":
                yield Standing(rule_id, None, "closed", "it is closed")
            else:
                yield Standing(rule_id, None, "no_receiver", "no route of it has a receiver for it")


def _towards(world: World, destination: Destination, incident: Incident, now: datetime) -> Standing:
    """What keeps a receiver from being told now."""
    standing = partial(Standing, destination.rule.rule_id, destination.receiver)
    home = next(
        (
            state
            for state in world.log.states.values()
            if state.receiver == destination.receiver
            and state.rule_id == destination.rule.rule_id
            and incident.incident_id in state.told
        ),
        None,
    )
    state = home or world.log.state(group_of(destination, incident), destination.receiver, destination.rule.rule_id)
    told = state.told.get(incident.incident_id)
    attention = world.attention(incident.incident_id)
    news = difference(incident, told, attention, not state.told)
    if news is None and told is not None:
        return standing("nothing_new", f"knows revision {told.revision}; nothing is new")
    if news is None:
        return standing("false_alarm", "called a false alarm before it was told")
    if state.pending:
        return standing("waits_for_message", f"waits for message {next(iter(state.pending))} to be taken")
    mute = mute_of(world, destination, state, news, now)
    if mute is not None:
        why = f"{news.reason} is muted by {mute.kind} {mute.by}" + (f": {mute.reason}" if mute.reason else "")
        return standing("muted", why, mute)
    return standing("waits_for_interval", f"{news.reason} waits for an interval of its group")
