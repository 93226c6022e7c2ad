"""What people do with incidents: acknowledge, hand over, mute, call it a false alarm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from stormpetrel.core.events import Incident, IncidentAction, Mute


@dataclass(frozen=True)
class Attention:
    """Where people stand with one incident. `mute` is the action that mutes it, until `muted_until` or until the
    incident is closed."""

    acknowledged_by: str | None = None
    handed_to: str | None = None
    mute: Mute | None = None
    muted_until: datetime | None = None
    false_alarm: Mute | None = None

    def after(self, action: IncidentAction) -> Attention:
        """Where they stand after one more action."""
        muted_by = Mute(kind="action", by=action.action_id, author=action.actor, reason=action.reason)
        match action.action:
            case "acknowledged":
                return replace(self, acknowledged_by=action.actor)
            case "handed_over":
                return replace(self, handed_to=action.handed_to, acknowledged_by=None)
            case "muted":
                return replace(self, mute=muted_by, muted_until=action.until)
            case "unmuted":
                return replace(self, mute=None, muted_until=None)
            case "false_alarm":
                return replace(self, false_alarm=muted_by.model_copy(update={"kind": "false_alarm"}))
        return self

    def mute_of(self, incident: Incident, now: datetime) -> Mute | None:
        """The action that keeps the incident from being told now."""
        if self.mute is None:
            return None
        is_over = incident.state == "closed" if self.muted_until is None else now >= self.muted_until
        return None if is_over else self.mute


NOBODY = Attention()
