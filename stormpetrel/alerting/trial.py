"""A message that says of itself that it is a test: for trying a receiver."""

from __future__ import annotations

from datetime import timedelta

from stormpetrel.alerting.messages import message_id
from stormpetrel.core.clock import milliseconds, now
from stormpetrel.core.events import AlertedIncident, AlertMessage, Channel

TRIAL_RULE = "stormpetrel-test"


def trial_message(receiver: str, channel: Channel, author: str) -> AlertMessage:
    """The message. Its id is new at each call."""
    moment = now()
    incident_id = f"test-{milliseconds(moment)}"
    incident = AlertedIncident(
        incident_id=incident_id,
        revision=1,
        reason="first",
        why=f"this is a test by {author}; nothing has happened",
        kind="flood",
        state="suspected",
        severity="minor",
        confidence=0,
        place="TEST",
        longitude=0,
        latitude=0,
        first_post_at=moment,
        changed_at=moment,
        posts=0,
        authors=0,
        worst_state="suspected",
        worst_severity="minor",
    )
    group = f"{TRIAL_RULE}//{incident_id}"
    return AlertMessage(
        message_id=message_id(group, receiver, 1, [(incident_id, 1)]),
        group=group,
        receiver=receiver,
        channel=channel,
        rule_id=TRIAL_RULE,
        rule_title="TEST of a receiver",
        number=1,
        reason="first",
        created_at=moment,
        expires_at=moment + timedelta(hours=1),
        incidents=(incident,),
    )
