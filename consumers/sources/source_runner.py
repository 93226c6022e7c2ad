"""Runs one live source: connect, read, publish, and store the position once the broker holds what was read.

A kill at any point leaves no gap: what was read after the stored position is read again, and what comes twice is
dropped by its mark (`recent_events.py`), or harmless by its id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from consumers.sources.back_off import BackOff
from consumers.sources.live_source import Disconnected, LiveSource, Publisher, Refused
from consumers.sources.positions import Positions
from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.process.metrics import SOURCE_BREAKS, SOURCE_POSITION_AGE, SOURCE_READ

log = structlog.get_logger()
READ_WITHIN_S = 0.2
MOST_UNCOMMITTED = 2000  # messages between two stored positions
REFUSED_WAIT_S = 60.0  # a key that was refused is not tried more often


class SourceRunner:
    """`state` says in words what the source is doing; `connected` whether it reads; `looked_at` (monotonic seconds)
    when its loop last went round."""

    def __init__(
        self,
        source: LiveSource,
        publisher: Publisher,
        positions: Positions,
        stopping: threading.Event,
        commit_every_s: float = 0.5,
        longest_wait_s: float = 60.0,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.source, self._publisher, self._positions, self._stopping = source, publisher, positions, stopping
        self._commit_every_s, self._back_off = commit_every_s, BackOff(longest_wait_s)
        self._prepare = prepare
        self.state, self.connected, self.looked_at = "starting", False, time.monotonic()
        self.read = 0
        self._uncommitted, self._committed_at = 0, time.monotonic()
        self._position: str | None = None
        self._knows_position = False
        self._reached_at: datetime | None = None

    def run(self) -> None:
        """Until `stopping`. What was read is on Kafka when it returns, or will be read again after the next start."""
        while not self._stopping.is_set():
            wait_s = self._one_connection()
            if not self._stopping.is_set():
                SOURCE_BREAKS.labels(self.source.name).inc()
                self._wait(wait_s)

    def _look_up_position(self) -> None:
        """Reads where the source was left, and what was published last: what the broker holds after all is not
        published again. Raises StoreUnavailable."""
        if not self._knows_position:
            self._prepare()
            self._position = self._positions.newest(self.source.name)
            self._knows_position = True

    def _one_connection(self) -> float | None:
        """Reads until the connection ends; returns how long the network asks to wait."""
        try:
            self.state = "connecting"
            self._look_up_position()
            self.source.connect(self._position)
            self._stream()
            self._commit()
            self._publisher.flush()  # the position too
        except Refused as error:
            self._say("the network refuses the source", error)
            return max(error.wait_s or 0.0, REFUSED_WAIT_S)
        except Disconnected as error:
            self._say("the connection ended", error)
            self._commit_what_came()
            return error.wait_s
        except StoreUnavailable as error:
            self._lost_broker(error)
        finally:
            self.connected = False
            self.source.close()
        return None

    def _stream(self) -> None:
        self.connected, self.state = True, "connected"
        log.info("connected", source=self.source.name, position=self._position)
        while not self._stopping.is_set():
            self.looked_at = time.monotonic()
            messages = self.source.read(READ_WITHIN_S)
            for message in messages:
                self._publisher.take(message.raw, message.provenance)
            if messages:
                self._back_off.reset()
                self.read += len(messages)
                self._uncommitted += len(messages)
                SOURCE_READ.labels(self.source.name).inc(len(messages))
            if gap := self.source.gap():
                self._positions.note_gap(self.source.name, gap)
            due = time.monotonic() - self._committed_at >= self._commit_every_s
            if due or self._uncommitted >= MOST_UNCOMMITTED:
                self._commit()
            if (silent_s := time.monotonic() - self.source.heard_at) > self.source.silence_s:
                raise Disconnected(f"nothing has been heard for {silent_s:.0f} s")

    def _commit(self) -> None:
        """The broker holds what was read, and then its position. Raises StoreUnavailable."""
        self._committed_at = time.monotonic()
        self._uncommitted = 0
        position = self.source.position
        self._publisher.flush()
        if position is not None and position.value != self._position:
            self._positions.store(self.source.name, position)
            self._position, self._reached_at = position
        if self._reached_at is not None:
            SOURCE_POSITION_AGE.labels(self.source.name).set((now() - self._reached_at).total_seconds())

    def _commit_what_came(self) -> None:
        try:
            self._commit()
        except StoreUnavailable as error:
            self._lost_broker(error)

    def _lost_broker(self, error: StoreUnavailable) -> None:
        self._knows_position = False
        self._say("the broker does not answer; what it does not hold is read again", error)

    def _say(self, what: str, error: Exception) -> None:
        self.state = f"{what}: {error}"
        log.warning(what, source=self.source.name, reason=str(error))

    def _wait(self, asked_s: float | None) -> None:
        """Waits with the runner's own patience, and shows that it is alive meanwhile."""
        until = time.monotonic() + self._back_off.next_wait_s(asked_s)
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, 1.0)):
            self.looked_at = time.monotonic()
