"""One clock: moments are UTC, and integers of milliseconds since 1970 where a store needs a number."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """A moment as milliseconds since 1970, UTC; one without a zone is taken as UTC.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1))
    1000
    """
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def now_ms() -> int:
    """The present moment as milliseconds since 1970."""
    return milliseconds(now())


def moment_of(milliseconds_since_1970: int) -> datetime:
    """The moment of so many milliseconds since 1970, UTC."""
    return datetime.fromtimestamp(milliseconds_since_1970 / 1000, UTC)
