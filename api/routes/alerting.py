"""Who is told of incidents: rules, silences, receivers, the notification log, and what people do with incidents.

Each change is an event on the log. The notify consumer follows it; so does every API process.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.dependencies import AlertingDependency
from api.security import WhoDependency
from stormpetrel.access.principals import Principal
from stormpetrel.alerting.explanation import Explanation
from stormpetrel.alerting.silences import SilenceState
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import (
    Action,
    AlertRule,
    IncidentAction,
    IncidentId,
    Matchers,
    NotificationLogged,
    ReceiverName,
    Route,
    RuleId,
    Silence,
    SilenceId,
)
from stormpetrel.core.events.alerting import Person
from stormpetrel.core.events.bounds import Note
from stormpetrel.core.events.notifications import MessageId
from stormpetrel.search.filter_request import Moment
from stormpetrel.search.request import Request, Words

router = APIRouter(prefix="/v1", tags=["alerting"])


class RuleRequest(Request):
    """A routing tree. `author` counts where no key is asked for; else it is whoever the key belongs to."""

    title: Annotated[Words, Field(min_length=1, max_length=200)]
    route: Route
    most_per_hour: Annotated[int, Field(ge=1, le=10_000)] | None = None
    author: Person | None = None


class SilenceRequest(Request):
    """What is kept silent, why, and to when: `ends_at`, or `until_closed`, for the open incidents that match now."""

    matchers: Matchers
    reason: Annotated[Words, Field(min_length=1, max_length=2_000)]
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    until_closed: bool = False
    author: Person | None = None


class SilenceResponse(BaseModel):
    """A silence, whether it waits, holds or is over, and the open incidents that it keeps silent."""

    silence_id: str
    matchers: Matchers
    author: str
    reason: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime | None = Field(description="None: until the incidents that it names are closed")
    state: SilenceState
    incident_ids: list[str]

    @classmethod
    def of(cls, silence: Silence, state: SilenceState, incident_ids: list[str]) -> Self:
        return cls(**silence.model_dump(exclude={"schema_version"}), state=state, incident_ids=incident_ids)


class ActionRequest(Request):
    """What somebody does with an incident. A mute holds `until`, or until the incident is closed; a hand-over goes to
    `handed_to`. With an `action_id` of one's own, sending it again is harmless."""

    action: Action
    reason: Note = ""
    until: Moment | None = None
    handed_to: Person | None = None
    action_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,64}$")] | None = None
    actor: Person | None = None


class ReceiverResponse(BaseModel):
    """A receiver as rules name it. Its address and secrets are in the file of receivers alone."""

    name: str
    channel: str
    language: str


class TrialResponse(BaseModel):
    """A message on its way; GET /v1/alerting/notifications?message_id= says what became of it."""

    message_id: str
    receiver: str
    channel: str


def _author(who: Principal, stated: str | None) -> str:
    return who.name or stated or "anybody"


@router.get("/alerting/rules")
def list_rules(alerting: AlertingDependency) -> list[AlertRule]:
    """All rules, by id."""
    return alerting.rules()


@router.get("/alerting/rules/{rule_id}")
def get_rule(rule_id: RuleId, alerting: AlertingDependency) -> AlertRule:
    """One rule."""
    return alerting.rule(rule_id)


@router.put("/alerting/rules/{rule_id}")
def put_rule(rule_id: RuleId, request: RuleRequest, alerting: AlertingDependency, who: WhoDependency) -> AlertRule:
    """Writes a rule, in place of the one with this id. A rule names an area, or says `everywhere`."""
    author = _author(who, request.author)
    return alerting.put_rule(rule_id, request.title, request.route, request.most_per_hour, author)


@router.delete("/alerting/rules/{rule_id}", status_code=204)
def delete_rule(
    rule_id: RuleId, alerting: AlertingDependency, who: WhoDependency, author: Annotated[Person | None, Query()] = None
) -> None:
    """Deletes a rule. What it would have told from then on is on the notification log as muted."""
    alerting.delete_rule(rule_id, _author(who, author))


@router.get("/alerting/silences")
def list_silences(alerting: AlertingDependency) -> list[SilenceResponse]:
    """All silences that were not ended before their time, the newest first."""
    return [SilenceResponse.of(*silence) for silence in alerting.silences()]


@router.post("/alerting/silences", status_code=201)
def create_silence(request: SilenceRequest, alerting: AlertingDependency, who: WhoDependency) -> SilenceResponse:
    """Keeps incidents silent. The first message after it says who silenced it and why."""
    if (request.ends_at is None) is not request.until_closed:
        raise BadQuery("ends_at", "it must be said when the silence ends", "Give ends_at, or until_closed: true")
    author = _author(who, request.author)
    silence = alerting.silence(request.matchers, author, request.reason, request.starts_at, request.ends_at)
    return next(SilenceResponse.of(*each) for each in alerting.silences() if each[0].silence_id == silence.silence_id)


@router.delete("/alerting/silences/{silence_id}", status_code=204)
def end_silence(
    silence_id: SilenceId,
    alerting: AlertingDependency,
    who: WhoDependency,
    author: Annotated[Person | None, Query()] = None,
) -> None:
    """Ends a silence now."""
    alerting.end_silence(silence_id, _author(who, author))


@router.get("/alerting/receivers")
def list_receivers(alerting: AlertingDependency) -> list[ReceiverResponse]:
    """The receivers that rules may name."""
    receivers = sorted(alerting.receivers.values(), key=lambda receiver: receiver.name)
    return [ReceiverResponse(name=each.name, channel=each.channel, language=each.language) for each in receivers]


@router.post("/alerting/receivers/{name}/test", status_code=202)
def try_receiver(name: ReceiverName, alerting: AlertingDependency, who: WhoDependency) -> TrialResponse:
    """Has the notify consumer send a message that says that it is a test."""
    message = alerting.try_receiver(name, _author(who, None))
    return TrialResponse(message_id=message.message_id, receiver=name, channel=message.channel)


@router.get("/alerting/notifications")
def list_notifications(
    alerting: AlertingDependency,
    incident_id: Annotated[IncidentId | None, Query()] = None,
    receiver: Annotated[ReceiverName | None, Query()] = None,
    message_id: Annotated[MessageId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[NotificationLogged]:
    """The notification log, the newest entry first: what was sent, with its reason, and what was muted, by whom and
    why. A process holds the last 20,000 entries."""
    return alerting.notifications(incident_id, receiver, message_id, limit)


@router.get("/alerting/incidents/{incident_id}")
def explain_incident(incident_id: IncidentId, alerting: AlertingDependency) -> Explanation:
    """Who was told what of an incident, what was muted and why, and why nothing more is told now."""
    return alerting.explain(incident_id)


@router.get("/incidents/{incident_id}/actions")
def list_actions(incident_id: IncidentId, alerting: AlertingDependency) -> list[IncidentAction]:
    """What people did with an incident, the oldest first."""
    return alerting.actions(incident_id)


@router.post("/incidents/{incident_id}/actions", status_code=201)
def act(
    incident_id: IncidentId, request: ActionRequest, alerting: AlertingDependency, who: WhoDependency
) -> IncidentAction:
    """Acknowledges an incident, hands it over, mutes or unmutes it, calls it a false alarm, or notes something."""
    fields: dict[str, Any] = request.model_dump(exclude={"actor", "action_id"})
    action = IncidentAction(
        **fields,
        action_id=request.action_id or uuid.uuid4().hex,
        incident_id=incident_id,
        actor=_author(who, request.actor),
        acted_at=now(),
    )
    alerting.act(action)
    return action
