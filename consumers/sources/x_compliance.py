"""X's compliance stream: which posts were deleted, edited or dropped. It is open to Enterprise access alone.

The events of all posts come on four partitions. The position is the time up to which a partition was heard. X remembers
five minutes; what a longer break missed is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from consumers.sources.live_source import Disconnected, Gap, Message, Position
from consumers.sources.x import bearer_token
from consumers.sources.x_connection import KEEP_ALIVE, XConnection, XWaits
from stormpetrel.core.clock import now
from stormpetrel.core.source_settings import X

PARTITIONS = (1, 2, 3, 4)
MOST_AT_ONCE = 500
REMEMBERED = timedelta(minutes=5)
LATE = timedelta(seconds=30)


class XComplianceSource:
    """A LiveSource of one partition."""

    def __init__(self, settings: X, partition: int, waits: XWaits | None = None) -> None:
        self.name = f"x/compliance/{partition}"
        self.silence_s = settings.silence_s
        self._settings, self._token, self._partition = settings, bearer_token(settings), partition
        self._waits = waits or XWaits()
        self._connection: XConnection | None = None
        self._broken: Disconnected | None = None
        self._heard_until: datetime | None = None
        self._gap: Gap | None = None

    def connect(self, position: str | None) -> None:
        self._heard_until = datetime.fromisoformat(position) if position else None
        parameters = {"partition": str(self._partition)}
        if self._heard_until is not None:
            away = now() - self._heard_until + LATE
            parameters["backfill_minutes"] = str(min(5, max(1, ceil(away / timedelta(minutes=1)))))
        connection = XConnection(self._settings.api_url, self._token, self._waits)
        connection.open("compliance", parameters)
        self._connection = connection
        if self._heard_until is not None and now() - self._heard_until > REMEMBERED:
            reason = "X remembers deletions for five minutes: look deleted posts up with its compliance jobs"
            self._gap = Gap(self._heard_until, now() - REMEMBERED, reason)

    def read(self, timeout_s: float) -> Sequence[Message]:
        if self._broken is not None:
            raise self._broken
        if self._connection is None:
            raise Disconnected("not connected")
        messages: list[Message] = []
        for line in self._connection.waiting(timeout_s, MOST_AT_ONCE):
            if isinstance(line, Disconnected):
                self._broken = line
                break
            self._heard_until = max(now() - LATE, self._heard_until or now() - LATE)
            if line != KEEP_ALIVE:
                messages.append(Message(line, self.name))
        if not messages and self._broken is not None:
            raise self._broken
        return messages

    @property
    def position(self) -> Position | None:
        until = self._heard_until
        return Position(until.isoformat(), until) if until else None

    @property
    def heard_at(self) -> float:
        return self._connection.heard_at if self._connection else 0.0

    def gap(self) -> Gap | None:
        gap, self._gap = self._gap, None
        return gap

    def close(self) -> None:
        connection, self._connection, self._broken = self._connection, None, None
        if connection is not None:
            connection.leave()
