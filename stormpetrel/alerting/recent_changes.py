"""The newest changes of incidents, and what people did with them, in memory for those who listen or come back."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.alerting.recent import Recent
from stormpetrel.core.events import Incident, IncidentAction

MOST_CHANGES = 2_000


@dataclass(frozen=True)
class RecentChange:
    """A change with its id, which is the same in every process and whenever the log is read again."""

    change_id: str
    event: Incident | IncidentAction

    @property
    def name(self) -> str:
        """`incident` or `action`."""
        return "incident" if isinstance(self.event, Incident) else "action"


def change_id(event: Incident | IncidentAction) -> str:
    """The incident's id with its revision, or with the id of the action.

    >>> from types import SimpleNamespace
    >>> change_id(SimpleNamespace(incident_id="inc-1", action_id="a7"))
    'inc-1@a7'
    """
    return f"{event.incident_id}@{event.revision if isinstance(event, Incident) else event.action_id}"


class RecentChanges:
    """Holds the last changes in the order in which they came from the log. Safe for several threads."""

    def __init__(self, kept: int = MOST_CHANGES) -> None:
        self._changes: Recent[RecentChange] = Recent(kept)

    def apply(self, event: Incident | IncidentAction) -> None:
        """Takes a change; one that is held already is a repetition of the log."""
        change = RecentChange(change_id(event), event)
        self._changes.add(change.change_id, change)

    def newest_id(self) -> str:
        """The id of the newest change; empty where there is none."""
        return self._changes.newest_id()

    def after(self, last_id: str) -> list[RecentChange]:
        """The changes since that one; all that are held where it is not among them."""
        return self._changes.after(last_id)
