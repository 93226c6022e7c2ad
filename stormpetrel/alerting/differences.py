"""What is new of an incident for a receiver: the only thing that is worth a message."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.alerting.attention import Attention
from stormpetrel.alerting.matching import STATE_RANKS
from stormpetrel.core.events import AlertedIncident, Incident, IncidentState, Reason, Severity
from stormpetrel.core.events.incidents import severity_rank

# The reason that a message bears is the first of these that one of its incidents has.
BY_WEIGHT: tuple[Reason, ...] = ("confirmed", "worse", "first", "new_in_group", "refuted", "all_clear", "repeat")
VERDICT_REASONS: dict[str, Reason] = {"confirmed": "confirmed", "refuted": "refuted"}


@dataclass(frozen=True)
class Difference:
    """What a receiver does not know yet of an incident. An urgent one does not wait for the group's interval."""

    incident: Incident
    reason: Reason
    why: str
    is_urgent: bool = False


def is_active(incident: Incident, attention: Attention) -> bool:
    """Whether it goes on: not closed, and nobody called it a false alarm."""
    return incident.state != "closed" and attention.false_alarm is None


def difference(
    incident: Incident, told: AlertedIncident | None, attention: Attention, is_first_of_group: bool
) -> Difference | None:
    """What is new of an incident since the receiver was told of it last; None where it is nothing.

    Worse is a severity, or a state from suspected over opened to growing, that the receiver was never told of: what
    comes and goes is told once.
    """
    if told is None:
        if not is_active(incident, attention):
            return None
        return Difference(incident, "first" if is_first_of_group else "new_in_group", incident.reason)
    if not is_active(incident, attention):
        return Difference(incident, "all_clear", _why_clear(incident, attention))
    if (reason := _news_of_radar(incident, told)) is not None:
        return Difference(incident, reason, incident.reason, is_urgent=True)
    if severity_rank(incident.severity) > severity_rank(told.worst_severity):
        why = f"the severity rose from {told.worst_severity} to {incident.severity}: {incident.reason}"
        return Difference(incident, "worse", why, is_urgent=True)
    if STATE_RANKS[incident.state] > STATE_RANKS[told.worst_state]:
        return Difference(incident, "worse", f"{incident.state}, after {told.worst_state}: {incident.reason}")
    return None


def _news_of_radar(incident: Incident, told: AlertedIncident) -> Reason | None:
    verdict = incident.radar.verdict if incident.radar else None
    before = told.radar.verdict if told.radar else None
    return VERDICT_REASONS.get(verdict or "") if verdict != before else None


def _why_clear(incident: Incident, attention: Attention) -> str:
    if attention.false_alarm is not None:
        mute = attention.false_alarm
        return f"a false alarm, says {mute.author}" + (f": {mute.reason}" if mute.reason else "")
    if incident.merged_into:
        return f"it goes on as a part of {incident.merged_into}"
    return incident.reason


def worst_state(incident: Incident, told: AlertedIncident | None) -> IncidentState:
    """The worst state that a receiver knows of, once it is told of this one."""
    if told is None or STATE_RANKS[incident.state] > STATE_RANKS[told.worst_state]:
        return incident.state
    return told.worst_state


def worst_severity(incident: Incident, told: AlertedIncident | None) -> Severity:
    """The worst severity that a receiver knows of, once it is told of this one."""
    if told is None or severity_rank(incident.severity) > severity_rank(told.worst_severity):
        return incident.severity
    return told.worst_severity
