"""Times as the networks write them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(value: str) -> datetime:
    """An ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"a time must be an ISO 8601 string, not {value!r}")
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
