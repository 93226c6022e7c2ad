"""What the networks' fields have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
MEDIA_KINDS = {"photo": "photo", "image": "photo", "video": "video", "animated_gif": "video", "gifv": "video"}


def identifier(network: str, value: Any) -> str:
    """A network's id with the network before it; some send it as a number, some as a text. Raises ValueError where it
    is empty, or of a type that may have lost digits."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"the id {value!r} is neither a text nor an integer")
    if not str(value):
        raise ValueError("the id is empty")
    return f"{network}:{value}"


def media_kind(value: Any) -> Any:
    """The kind of a `Media`, from the network's name for it."""
    return MEDIA_KINDS.get(str(value), "other")


def moment(value: str) -> datetime:
    """An ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"a time must be an ISO 8601 string, not {value!r}")
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
