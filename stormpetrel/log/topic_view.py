"""A topic followed into memory: read from its beginning when a process starts, followed from there.

Every process that follows a topic sees the same records in the same order of each key. What a process writes through
its view has come back from the log when `write` returns, so that it reads its own writes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from stormpetrel.core.errors import StoreUnavailable, StormpetrelError
from stormpetrel.core.events import Event
from stormpetrel.core.topics import Topic
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import Record, record_of_event
from stormpetrel.log.topic_reader import Offsets, TopicReader

log = structlog.get_logger()
CATCH_UP_S = 30.0
WRITE_S = 10.0


class TopicView:
    """Gives every event of a topic to `apply`, in a thread of its own, from `start` until `close`.

    `apply` is called by that thread alone. A record that cannot be read, or that `apply` refuses, is logged and passed
    over: one record must not end the view. `producer` is needed by views that are written through.
    """

    def __init__(
        self, reader: TopicReader, topic: Topic, apply: Callable[[Any], None], producer: RecordProducer | None = None
    ) -> None:
        self._reader, self._topic, self._apply, self._producer = reader, topic, apply, producer
        self._next_offsets: Offsets = {}
        self._progress = threading.Condition()
        self._closed = threading.Event()
        self._first_end: Offsets | None = None

    def start(self) -> TopicView:
        """Begins to follow the topic; returns the view itself."""
        threading.Thread(target=self._follow, daemon=True, name=f"view of {self._topic.name}").start()
        return self

    def close(self) -> None:
        self._closed.set()

    def wait_until_caught_up(self, timeout_s: float = CATCH_UP_S) -> None:
        """Returns when everything that stood on the topic at the first call is applied. Raises StoreUnavailable."""
        if self._first_end is None:
            self._first_end = self._reader.end_offsets(self._topic)
        self._wait_for(self._first_end, timeout_s)

    def catch_up(self, timeout_s: float = CATCH_UP_S) -> None:
        """Returns when everything that stands on the topic now is applied. Raises StoreUnavailable."""
        self._wait_for(self._reader.end_offsets(self._topic), timeout_s)

    def write(self, events: Sequence[tuple[str, Event]], timeout_s: float = WRITE_S) -> None:
        """Returns when the log holds these (key, event) pairs and they have been applied here.

        Raises StoreUnavailable: where the broker does not take them, or where they are kept but have not come back.
        """
        if self._producer is None:
            raise TypeError(f"the view of {self._topic.name} is read only")
        records = [record_of_event(self._topic, key, event) for key, event in events]
        # Sorted: the last one of a partition stands furthest.
        ends = {partition: offset + 1 for partition, offset in sorted(self._producer.deliver(records, timeout_s))}
        self._wait_for(ends, timeout_s)

    def _wait_for(self, ends: Offsets, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._progress:
            while any(self._next_offsets.get(partition, 0) < end for partition, end in ends.items()):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._progress.wait(remaining):
                    raise StoreUnavailable(f"{self._topic.name} is kept by the broker, but cannot be read at present")

    def _follow(self) -> None:
        for progress in self._reader.follow(self._topic, self._closed.is_set):
            for record in progress.records:
                self._apply_record(record)
            with self._progress:
                self._next_offsets = progress.next_offsets
                self._progress.notify_all()

    def _apply_record(self, record: Record) -> None:
        try:
            self._apply(record.decode(*self._topic.events))
        except StormpetrelError as error:
            log.warning("a record is passed over", provenance=record.provenance, reason=str(error))
        except Exception:
            log.exception("a record is passed over", provenance=record.provenance)
