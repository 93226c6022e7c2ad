"""What a receiver is told: messages whose ids follow from what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import h3

from stormpetrel.alerting.attention import Attention
from stormpetrel.alerting.differences import BY_WEIGHT, Difference, worst_severity, worst_state
from stormpetrel.alerting.notification_log import GroupState
from stormpetrel.alerting.routing import Destination
from stormpetrel.core.events import (
    AlertedIncident,
    AlertMessage,
    Channel,
    Incident,
    Mute,
    NotificationLogged,
    RadarVerdict,
)

MOST_INCIDENTS = 30  # of a message; the others come with the next one
MOST_CELLS = 300  # of an incident in a message, which has to fit into a record of the log
MOST_EVIDENCE = 5
MOST_SIGNALS = 1
MOST_MUTES = 20
LONGEST_WHY = 1_000  # characters
SHORTEST_LIFE = timedelta(hours=1)


def message_id(group: str, receiver: str, number: int, incidents: Sequence[tuple[str, int]]) -> str:
    """The id of a message, by what it tells: (incident id, revision) pairs.

    >>> message_id("liguria//IT.08", "duty", 1, [("genoa", 3)])
    'msg_ee3334a93e8a327d9234ff1edebcc6e5'
    """
    told = ",".join(f"{incident_id}@{revision}" for incident_id, revision in sorted(incidents))
    digest = hashlib.sha256(f"{group}|{receiver}|{number}|{told}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def message_of(
    destination: Destination,
    state: GroupState,
    differences: Sequence[tuple[Difference, Attention]],
    channel: Channel,
    now: datetime,
) -> AlertMessage:
    """The next message of a group to a receiver."""
    number, policy = state.number + 1, destination.policy
    incidents = tuple(_alerted(*pair, state) for pair in differences[:MOST_INCIDENTS])
    revisions = [(incident.incident_id, incident.revision) for incident in incidents]
    reasons = {incident.reason for incident in incidents}
    return AlertMessage(
        message_id=message_id(state.group, state.receiver, number, revisions),
        group=state.group,
        receiver=state.receiver,
        channel=channel,
        rule_id=destination.rule.rule_id,
        rule_title=destination.rule.title,
        number=number,
        reason=next(reason for reason in BY_WEIGHT if reason in reasons),
        created_at=now,
        expires_at=now + max(2 * policy.repeat_interval, SHORTEST_LIFE),
        incidents=incidents,
        muted_before=_muted_before(state, incidents),
    )


def sending(message: AlertMessage) -> NotificationLogged:
    """The entry of the log by which a message leaves."""
    return NotificationLogged(
        outcome="sending",
        group=message.group,
        receiver=message.receiver,
        rule_id=message.rule_id,
        logged_at=message.created_at,
        message_id=message.message_id,
        message=message,
        reason=message.reason,
    )


def _alerted(difference: Difference, attention: Attention, state: GroupState) -> AlertedIncident:
    incident = difference.incident
    told = state.told.get(incident.incident_id)
    shared = incident.model_dump(include=set(AlertedIncident.model_fields) & set(type(incident).model_fields))
    return AlertedIncident.model_validate(
        shared
        | {
            "reason": difference.reason,
            "why": difference.why[:LONGEST_WHY],
            "radar": _few_patches(incident),
            "cells": few_cells(incident.cells),
            "signals": incident.signals[:MOST_SIGNALS],
            "evidence": tuple(post.post_id for post in incident.evidence[:MOST_EVIDENCE]),
            "false_alarm": attention.false_alarm is not None,
            "acknowledged_by": attention.acknowledged_by,
            "handed_to": attention.handed_to,
            "worst_state": worst_state(incident, told),
            "worst_severity": worst_severity(incident, told),
            "earlier": state.earlier.get(incident.incident_id),
        }
    )


def _muted_before(state: GroupState, incidents: Sequence[AlertedIncident]) -> tuple[Mute, ...]:
    """What kept these incidents from being told earlier, each mute once."""
    muted = (state.muted.get(incident.incident_id) for incident in incidents)
    mutes = dict.fromkeys(difference.mute for difference in muted if difference is not None)
    return tuple(mute.model_copy(update={"reason": mute.reason[:LONGEST_WHY]}) for mute in list(mutes)[:MOST_MUTES])


def _few_patches(incident: Incident) -> RadarVerdict | None:
    """The verdict with the first patches that decided it: a message has to fit into a record of the log."""
    if incident.radar is None:
        return None
    return incident.radar.model_copy(update={"patch_ids": incident.radar.patch_ids[:MOST_EVIDENCE]})


def few_cells(cells: Sequence[str]) -> tuple[str, ...]:
    """The same ground in at most MOST_CELLS cells: whole neighbourhoods become one cell, and where that is not enough,
    coarser cells cover a little more."""
    kept = _compact(cells)
    while len(kept) > MOST_CELLS:
        finest = max(map(h3.get_resolution, kept))
        kept = _compact(
            {str(h3.cell_to_parent(cell, finest - 1)) if h3.get_resolution(cell) == finest else cell for cell in kept}
        )
    return tuple(sorted(kept))


def _compact(cells: Sequence[str] | set[str]) -> set[str]:
    """The cells without those that lie in another one; seven that make up a coarser one become it."""
    by_resolution: dict[int, set[str]] = {}
    for cell in cells:
        by_resolution.setdefault(h3.get_resolution(cell), set()).add(cell)
    compacted = {str(cell) for alike in by_resolution.values() for cell in h3.compact_cells(list(alike))}
    return {
        cell
        for cell in compacted
        if not any(h3.cell_to_parent(cell, level) in compacted for level in range(h3.get_resolution(cell)))
    }
