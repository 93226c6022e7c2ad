"""What every live source is: it connects at a position, reads messages, and says how far it has come.

A source is used by one thread. It knows its network and nothing of Kafka: `source_runner.py` does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from stormpetrel.core.errors import StormpetrelError


class Message(NamedTuple):
    """One message as it came, in the network's own form, and where it came from, for the dead letters."""

    raw: bytes
    provenance: str


class Position(NamedTuple):
    """How far a source has come: in the network's own terms, and in its time where it has one."""

    value: str
    reached_at: datetime | None = None


@dataclass(frozen=True)
class Gap:
    """What the network had forgotten before it was read."""

    since: datetime | None
    until: datetime | None
    reason: str


class Disconnected(StormpetrelError):
    """A source's connection could not be made, or it ended. `wait_s` is what the network asks to wait, if it does."""

    is_temporary = True

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Refused(Disconnected):
    """The network does not let this source in: a wrong or missing key. The reason says what to set."""


class LiveSource(Protocol):
    """A connection to a network."""

    name: str
    silence_s: float  # after so long without a byte the connection counts as dead

    def connect(self, position: str | None) -> None:
        """Connects, so that `read` goes on after `position`, or begins now where there is none.

        What was read shortly before the position may come again. Raises Disconnected or Refused.
        """

    def read(self, timeout_s: float) -> Sequence[Message]:
        """The messages that have come, in their order; none after `timeout_s`. Raises Disconnected."""

    @property
    def position(self) -> Position | None:
        """How far what `read` has returned goes; None before the first message."""

    @property
    def heard_at(self) -> float:
        """When the network was last heard, a keep-alive included, by the monotonic clock."""

    def gap(self) -> Gap | None:
        """What the network had forgotten since the position of the last `connect`; each gap is returned once."""

    def close(self) -> None:
        """Ends the connection, if there is one. Never raises."""


class Publisher(Protocol):
    """What takes a source's messages to the log."""

    def take(self, raw: bytes, provenance: str) -> None:
        """Queues what one message stands for."""

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable, and forgets what it has queued, where
        that is not certain: it must be read again."""
