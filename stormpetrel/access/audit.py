"""The audit: an event for every change, written beside the request and not in its way."""

from __future__ import annotations

import queue
import threading
import time

import structlog

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import Audited
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import AUDIT

log = structlog.get_logger()
MOST_WAITING = 10_000
MOST_AT_ONCE = 500
RETRY_S = 1.0


class AuditTrail:
    """Writes events to the topic `audit`, in a thread of its own. While the broker is down they wait here; what cannot
    wait any longer stands in the log, so that no change is without a trace."""

    def __init__(self, producer: EventProducer) -> None:
        self._producer = producer
        self._waiting: queue.Queue[Audited | None] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True, name="audit")
        self._thread.start()

    def note(self, event: Audited) -> None:
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            log.error("the audit is full", **event.model_dump(mode="json", exclude={"schema_version"}))

    def close(self, timeout_s: float = 5.0) -> None:
        """Returns when all is written, or when the time is over; what is left then stands in the log."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _write(self) -> None:
        while not self._closing.is_set() or not self._waiting.empty():
            events = [self._waiting.get()]
            events += [self._waiting.get() for _ in range(min(self._waiting.qsize(), MOST_AT_ONCE))]
            self._deliver([event for event in events if event is not None])

    def _deliver(self, events: list[Audited]) -> None:
        while events:
            try:
                for event in events:
                    self._producer.publish(AUDIT, event.actor, event)
                self._producer.flush()
                return
            except StoreUnavailable as error:
                if self._closing.is_set():
                    for event in events:
                        log.error("not on the audit", **event.model_dump(mode="json", exclude={"schema_version"}))
                    return
                log.warning("the audit waits for the broker", reason=str(error), waiting=len(events))
                time.sleep(RETRY_S)
