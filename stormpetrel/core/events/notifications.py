"""What receivers of alerts are told: messages, and the log of what was sent, muted and given up."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from stormpetrel.core.events.alerting import ReceiverName, RuleId
from stormpetrel.core.events.bounds import (
    Count,
    EventKind,
    Key,
    Latitude,
    Longitude,
    Moment,
    Name,
    Note,
    Several,
    Share,
)
from stormpetrel.core.events.incidents import (
    ExpectedPass,
    IncidentId,
    IncidentSignal,
    IncidentState,
    RadarVerdict,
    Severity,
)
from stormpetrel.core.events.values import Event, Frozen

Channel = Literal["webhook", "email", "cap", "stream", "apprise"]
Reason = Literal["first", "new_in_group", "worse", "confirmed", "refuted", "all_clear", "repeat"]
MuteKind = Literal[
    "silence", "action", "inhibition", "quiet_hours", "rate_limit", "false_alarm", "rule_deleted", "receiver_missing"
]
Outcome = Literal["sending", "sent", "failed", "muted"]
MessageId = Annotated[str, Field(pattern="^msg_[0-9a-f]{32}$")]


class Mute(Frozen):
    """Why something is not told now. `by` is the id of the silence, action, incident or rule that mutes it; `author`
    and `reason` are a person's."""

    kind: MuteKind
    by: Annotated[Key, Field(max_length=200)]
    author: Annotated[Key, Field(max_length=120)] = ""
    reason: Note = ""


class EarlierMessage(Frozen):
    """The message that told of an incident before."""

    message_id: MessageId
    created_at: Moment


class AlertedIncident(Frozen):
    """An incident as a message tells it. `reason` is what is new of it, `why` says it in English; rates are posts an
    hour; `worst_state` and `worst_severity` are the
    worst that the receiver was told of it up to now. `earlier` is the message before, which this one replaces."""

    incident_id: IncidentId
    revision: Annotated[Count, Field(ge=1)]
    reason: Reason
    why: Note
    kind: EventKind
    state: IncidentState
    severity: Severity
    confidence: Share
    place: Name
    country_code: Key | None = None
    admin1_code: Key | None = None
    longitude: Longitude
    latitude: Latitude
    cells: Several[Key] = ()
    first_post_at: Moment
    changed_at: Moment
    posts: Count
    authors: Count
    expected_rate: Annotated[float, Field(ge=0)] | None = None
    observed_rate: Annotated[float, Field(ge=0)] | None = None
    evidence: Several[Key] = ()
    radar: RadarVerdict | None = None
    next_pass: ExpectedPass | None = None
    signals: Several[IncidentSignal] = ()
    merged_into: IncidentId | None = None
    false_alarm: bool = False
    acknowledged_by: Annotated[Key, Field(max_length=120)] | None = None
    handed_to: Annotated[Key, Field(max_length=120)] | None = None
    worst_state: IncidentState
    worst_severity: Severity
    earlier: EarlierMessage | None = None


class AlertMessage(Frozen):
    """What one receiver is told of one group. `message_id` follows from the group, the receiver, the number and the
    incidents' revisions: a repeated delivery carries it again. `number` counts the messages of a group to a receiver
    from 1. `muted_before` is what kept some of it from being told earlier."""

    message_id: MessageId
    group: Key
    receiver: ReceiverName
    channel: Channel
    rule_id: RuleId
    rule_title: Name
    number: Annotated[Count, Field(ge=1)]
    reason: Reason
    created_at: Moment
    expires_at: Moment
    incidents: Annotated[tuple[AlertedIncident, ...], Field(min_length=1, max_length=100)]
    muted_before: Annotated[tuple[Mute, ...], Field(max_length=100)] = ()


class NotificationLogged(Event):
    """An entry of the notification log (topic `notifications`, key `group:receiver`).

    `sending` is written before a message leaves, `sent` when its receiver has taken it, `failed` when it is given up
    and lies with the dead letters; a `sending` without either is sent again after a restart, under the same id. `muted`
    says that a difference of an incident is not told now, and why.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    outcome: Outcome
    group: Key
    receiver: ReceiverName
    rule_id: RuleId
    logged_at: Moment
    message_id: MessageId | None = None
    message: AlertMessage | None = None
    incident_id: IncidentId | None = None
    revision: Count | None = None
    reason: Reason | None = None
    mute: Mute | None = None
    attempts: Count = 0
    problem: Note = ""

    @property
    def key(self) -> str:
        """The key of the record."""
        return f"{self.group}:{self.receiver}"

    @model_validator(mode="after")
    def check(self) -> Self:
        if self.outcome == "sending" and self.message is None:
            raise ValueError("an entry of what is sent needs its message")
        if self.outcome == "muted" and (self.mute is None or self.incident_id is None or self.reason is None):
            raise ValueError("an entry of what is muted names the incident, the difference and the mute")
        if self.outcome != "muted" and self.message_id is None:
            raise ValueError("an entry of a message needs its id")
        return self
