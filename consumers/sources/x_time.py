"""X's ids hold the time: the milliseconds since its own epoch stand above 22 bits (Twitter's Snowflake, 2010)."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH_MS = 1_288_834_974_657
BITS_BELOW = 22


def moment_of(identifier: int) -> datetime:
    """When a post with this id was made.

    >>> moment_of(1346889436626259968).isoformat(timespec="milliseconds")
    '2021-01-06T18:40:40.344+00:00'
    """
    return datetime.fromtimestamp(((identifier >> BITS_BELOW) + EPOCH_MS) / 1000, UTC)


def first_id_at(moment: datetime) -> int:
    """The smallest id of a post that is made at this moment; 0 before X's epoch."""
    return max(0, round(moment.timestamp() * 1000) - EPOCH_MS) << BITS_BELOW
