"""Silences: what is kept from being told for a while, by whom and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stormpetrel.alerting.matching import matches
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import Incident, Mute, Silence, SilenceEnded

SilenceState = Literal["waiting", "active", "over"]


class Silences:
    """All silences that have not been ended. Not for two threads at once."""

    def __init__(self) -> None:
        self._silences: dict[str, Silence] = {}

    def apply(self, event: Silence | SilenceEnded) -> None:
        """Takes an event of the topic."""
        if isinstance(event, SilenceEnded):
            self._silences.pop(event.silence_id, None)
        else:
            self._silences[event.silence_id] = event

    def all(self) -> list[Silence]:
        """The newest first."""
        return sorted(self._silences.values(), key=lambda silence: silence.created_at, reverse=True)

    def get(self, silence_id: str) -> Silence:
        """Raises NotFound."""
        if silence_id not in self._silences:
            raise NotFound(f"no silence has the id {silence_id}; it may have been ended")
        return self._silences[silence_id]

    def mute_of(self, incident: Incident, now: datetime) -> Mute | None:
        """The oldest silence that holds for an incident now."""
        for silence in self._silences.values():
            if holds(silence, incident, now):
                return Mute(kind="silence", by=silence.silence_id, author=silence.author, reason=silence.reason)
        return None


def holds(silence: Silence, incident: Incident, now: datetime) -> bool:
    """Whether a silence keeps an incident from being told at this moment."""
    if now < silence.starts_at or (silence.ends_at is not None and now >= silence.ends_at):
        return False
    if silence.ends_at is None and incident.state == "closed":
        return False
    return matches(silence.matchers, incident)


def state_of(silence: Silence, now: datetime, open_incidents: set[str]) -> SilenceState:
    """Whether a silence waits for its start, holds, or is over."""
    if now < silence.starts_at:
        return "waiting"
    if silence.ends_at is None:
        return "active" if open_incidents & set(silence.matchers.incident_ids) else "over"
    return "active" if now < silence.ends_at else "over"
