"""What the notification log gets next: the messages that are due, and the mutes that keep others back.

A pure function of the world and the moment. Every difference is sent, waits for an interval of its group, or is muted
with a reason that is on the log.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from stormpetrel.alerting.differences import BY_WEIGHT, Difference, difference
from stormpetrel.alerting.grouping import group_of, route_of
from stormpetrel.alerting.messages import message_of, sending
from stormpetrel.alerting.mutes import mute_of
from stormpetrel.alerting.notification_log import GroupState, MutedDifference
from stormpetrel.alerting.routing import Destination, every_route
from stormpetrel.alerting.world import World
from stormpetrel.core.events import AlertMessage, Incident, Mute, NotificationLogged
from stormpetrel.core.events.incidents import severity_rank

Result = TypeVar("Result")
NoteFault = Callable[[str, Exception], None]


@dataclass
class Group:
    """A group and receiver with the incidents that may have something new for it."""

    destination: Destination
    state: GroupState
    incidents: dict[str, Incident] = field(default_factory=dict)


def plan(world: World, now: datetime, note_fault: NoteFault | None = None) -> list[NotificationLogged]:
    """The entries that are due now. Empty where nothing is: planning again after they are applied gives nothing new
    until the world or the clock moves on. With `note_fault`, which gets a group's name and what went wrong, a fault in
    one group costs that group's messages alone."""
    entries: list[NotificationLogged] = []
    ready: list[tuple[Group, list[Difference]]] = []
    for group in _groups(world):
        try:
            tellable = _run(entries, _tellable(world, group, now))
            if tellable and now >= _due(world, group, tellable):
                ready.append((group, tellable))
        except Exception as error:
            if note_fault is None:
                raise
            note_fault(group.state.group, error)
    planned: Counter[str] = Counter()  # messages of each rule in this plan
    for group, tellable in sorted(ready, key=_urgency):
        try:
            entries += _entries(world, group, tellable, planned, now)
        except Exception as error:
            if note_fault is None:
                raise
            note_fault(group.state.group, error)
    return entries + list(_of_deleted_rules(world, now))


def _run(entries: list[NotificationLogged], steps: Generator[NotificationLogged, None, Result]) -> Result:
    """Runs a generator to its end: what it yields goes to `entries`, what it returns comes back."""
    while True:
        try:
            entries.append(next(steps))
        except StopIteration as end:
            result: Result = end.value
            return result


def _urgency(ready: tuple[Group, list[Difference]]) -> tuple[int, int]:
    """Where a rule has sent most of what it may in an hour, news go before repeats, and what is severe before the
    rest."""
    _, news = ready
    rank = max(severity_rank(new.incident.severity) for new in news)
    return min(BY_WEIGHT.index(new.reason) for new in news), -rank


def _groups(world: World) -> Iterable[Group]:
    groups: dict[tuple[str, str], Group] = {}
    homes = _homes(world)
    for incident in world.incidents.values():
        if incident.state == "closed":
            continue
        for destination in world.destinations(incident):
            home = destination.rule.rule_id, destination.path, destination.receiver, incident.incident_id
            name = homes.get(home) or group_of(destination, incident)
            _add(groups, world, destination, name, incident)
    for state in world.log.states.values():
        route = _destination_of(world, state) if state.told else None
        if route is None:
            continue
        for incident_id in state.told:
            if incident_id in world.incidents:
                _add(groups, world, route, state.group, world.incidents[incident_id])
    return groups.values()


def _homes(world: World) -> dict[tuple[str, str, str, str], str]:
    """The groups that incidents were told in: there they stay, wherever they move."""
    return {
        (*route_of(state.group), state.receiver, incident_id): state.group
        for state in world.log.states.values()
        for incident_id in state.told
    }


def _add(
    groups: dict[tuple[str, str], Group], world: World, destination: Destination, name: str, incident: Incident
) -> None:
    key = name, destination.receiver
    if key not in groups:
        groups[key] = Group(destination, world.log.state(*key, destination.rule.rule_id))
    groups[key].incidents[incident.incident_id] = incident


def _destination_of(world: World, state: GroupState) -> Destination | None:
    """The route that a group was told by, while its rule stands. A route that is gone is its rule's first one."""
    rule_id, path = route_of(state.group)
    rule = world.rules.get(rule_id)
    if rule is None:
        return None
    routes = every_route(rule)
    return Destination(rule, path, state.receiver, routes.get(path) or routes[""])


def _tellable(world: World, group: Group, now: datetime) -> Generator[NotificationLogged, None, list[Difference]]:
    """What may be told of a group, with an entry for what is muted."""
    if group.state.pending:  # what came before has to arrive first: a group's messages keep their order
        return []
    news = _news(world, group)
    tellable = yield from _unmuted(world, group, news, now)
    if not tellable:
        has_news = {new.incident.incident_id for new in news}
        tellable = yield from _unmuted(world, group, _repeats(world, group, has_news, now), now)
    return tellable


def _entries(
    world: World, group: Group, tellable: list[Difference], planned: Counter[str], now: datetime
) -> Iterator[NotificationLogged]:
    """The message that is due, or where the rule has sent enough, what it does not send."""
    rule = group.destination.rule
    if rule.most_per_hour is not None:
        count = world.log.sent_within_the_hour(rule.rule_id, now) + planned[rule.rule_id]
        if count >= rule.most_per_hour:
            reason = f"the rule has sent its {rule.most_per_hour} messages of the hour"
            for new in tellable:
                yield from _muted(group.state, new, Mute(kind="rate_limit", by=rule.rule_id, reason=reason), now)
            return
    planned[rule.rule_id] += 1
    yield sending(_message(world, group, tellable, now))


def _unmuted(
    world: World, group: Group, news: list[Difference], now: datetime
) -> Generator[NotificationLogged, None, list[Difference]]:
    """The differences that nothing mutes, with an entry for each of the others."""
    tellable = []
    for new in news:
        mute = mute_of(world, group.destination, group.state, new, now)
        if mute is None:
            tellable.append(new)
        else:
            yield from _muted(group.state, new, mute, now)
    return tellable


def _news(world: World, group: Group) -> list[Difference]:
    """What is new of the group's incidents, the worst first."""
    told, news = group.state.told, []
    for incident in group.incidents.values():
        attention = world.attention(incident.incident_id)
        if (new := difference(incident, told.get(incident.incident_id), attention, not told)) is not None:
            news.append(new)
    return sorted(news, key=lambda new: (-severity_rank(new.incident.severity), new.incident.incident_id))


def _repeats(world: World, group: Group, has_news: set[str], now: datetime) -> list[Difference]:
    """What is told again as nobody has acknowledged it."""
    last, repeat_interval = group.state.last_message_at, group.destination.policy.repeat_interval
    if last is None or now < last + repeat_interval:
        return []
    standing = [group.incidents[told] for told in group.state.told if told in group.incidents and told not in has_news]
    return [
        Difference(incident, "repeat", f"it goes on: {incident.reason}")
        for incident in standing
        if world.attention(incident.incident_id).acknowledged_by is None
    ]


def _due(world: World, group: Group, news: list[Difference]) -> datetime:
    """When the next message of a group may leave.

    The first one waits `group_wait` from when its oldest incident was seen; each later one `group_interval` from the
    one before, unless it is urgent.
    """
    policy, last = group.destination.policy, group.state.last_message_at
    if last is not None and any(new.is_urgent for new in news):
        return last
    if group.state.told and last is not None:
        return last + policy.group_interval
    first_due = min(world.seen_at[new.incident.incident_id] for new in news) + policy.group_wait
    return first_due if last is None else max(first_due, last + policy.group_interval)


def _message(world: World, group: Group, news: list[Difference], now: datetime) -> AlertMessage:
    channel = world.receivers[group.destination.receiver].channel
    attended = [(new, world.attention(new.incident.incident_id)) for new in news]
    return message_of(group.destination, group.state, attended, channel, now)


def _muted(state: GroupState, new: Difference, mute: Mute, now: datetime) -> Iterator[NotificationLogged]:
    """The entry of a mute, once for each difference and mute."""
    logged = state.muted.get(new.incident.incident_id)
    if logged is not None and _same_mute(logged, new, mute):
        return
    yield NotificationLogged(
        outcome="muted",
        group=state.group,
        receiver=state.receiver,
        rule_id=state.rule_id,
        logged_at=now,
        incident_id=new.incident.incident_id,
        revision=new.incident.revision,
        reason=new.reason,
        mute=mute,
    )


def _same_mute(logged: MutedDifference, new: Difference, mute: Mute) -> bool:
    # Whether it is the first of its group changes when another one is told: that is no other difference.
    is_same = logged.reason == new.reason or {logged.reason, new.reason} == {"first", "new_in_group"}
    return is_same and (logged.mute.kind, logged.mute.by) == (mute.kind, mute.by)


def _of_deleted_rules(world: World, now: datetime) -> Iterator[NotificationLogged]:
    """What a receiver is not told any more, as the rule that told it is gone: each incident's end is on the log."""
    by_rule: dict[str, list[GroupState]] = defaultdict(list)
    for state in world.log.states.values():
        if state.told and state.rule_id not in world.rules:
            by_rule[state.rule_id].append(state)
    for rule_id, states in by_rule.items():
        mute = Mute(kind="rule_deleted", by=rule_id, reason="the rule that told of it was deleted")
        for state in states:
            for incident_id, told in state.told.items():
                incident = world.incidents.get(incident_id)
                if incident is None:
                    continue
                new = difference(incident, told, world.attention(incident_id), is_first_of_group=False)
                if new is not None:
                    yield from _muted(state, new, mute, now)
