"""Times as the networks write them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(value: str) -> datetime:
    """An ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"a time must be an ISO 8601 string, not {value!r}")
    found = datetime.fromisoformat(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
