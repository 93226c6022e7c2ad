"""Why a difference is not told now: the first of all reasons that holds."""

from __future__ import annotations

from datetime import datetime

from stormpetrel.alerting.differences import Difference, is_active, worst_severity
from stormpetrel.alerting.notification_log import GroupState
from stormpetrel.alerting.quiet_hours import is_quiet
from stormpetrel.alerting.routing import Destination
from stormpetrel.alerting.world import World
from stormpetrel.core.events import Incident, Mute


def mute_of(world: World, destination: Destination, state: GroupState, news: Difference, now: datetime) -> Mute | None:
    """What mutes a difference for a receiver; None where it may be told."""
    if destination.receiver not in world.receivers:
        reason = f"no receiver is called {destination.receiver}; add it to the file of receivers"
        return Mute(kind="receiver_missing", by=destination.receiver, reason=reason)
    muted = muted_by_people(world, news.incident, now)
    if muted is None and is_active(news.incident, world.attention(news.incident.incident_id)):
        muted = _inhibited(world, destination.receiver, news.incident, now)
    return muted or _quiet(destination, state, news, now)


def muted_by_people(world: World, incident: Incident, now: datetime) -> Mute | None:
    """The action or the silence that keeps an incident from being told."""
    return world.attention(incident.incident_id).mute_of(incident, now) or world.silences.mute_of(incident, now)


def _inhibited(world: World, receiver: str, incident: Incident, now: datetime) -> Mute | None:
    """An inhibitor counts only where the receiver hears of it: nobody's silence may hide two incidents."""
    for inhibitor in world.inhibition.inhibitors_of(incident):
        is_told = (
            is_active(inhibitor, world.attention(inhibitor.incident_id))
            and world.goes_to(inhibitor, receiver)
            and muted_by_people(world, inhibitor, now) is None
        )
        if is_told:
            reason = f"it is explained by {inhibitor.incident_id}, {inhibitor.kind} in {inhibitor.place}"
            return Mute(kind="inhibition", by=inhibitor.incident_id, reason=reason)
    return None


def _quiet(destination: Destination, state: GroupState, news: Difference, now: datetime) -> Mute | None:
    hours = destination.policy.quiet_hours
    # By the worst that the receiver knows of: who was woken for it is told when it is over.
    severity = worst_severity(news.incident, state.told.get(news.incident.incident_id))
    if hours is None or not is_quiet(hours, now, severity):
        return None
    reason = f"quiet hours until {hours.end} ({hours.timezone})"
    return Mute(kind="quiet_hours", by=destination.rule.rule_id, reason=reason)
