"""What every projection does: check an event, and write events in the order of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from stormpetrel.core.events import Event


class Projection(Protocol):
    """Writes the events of one topic to the stores. `default` is the event where a record names no schema."""

    event_types: tuple[type[Event], ...]
    default: type[Event] | None = None

    def checked(self, event: Any) -> Any:
        """The event as it can be written here. Raises MalformedRecord where it cannot."""
        return event

    def write(self, events: Sequence[Any]) -> None:
        """The stores hold the events when this returns. Raises StoreUnavailable; writing again is harmless."""
