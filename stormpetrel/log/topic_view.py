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
from stormpetrel.log.dead_letters import dead_letter_of, read_dead_letters
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import Record, record_of_event
from stormpetrel.log.topic_reader import Offsets, TopicReader
from stormpetrel.process.metrics import VIEW_RECORDS_PASSED_OVER, note_lags

log = structlog.get_logger()
CATCH_UP_S = 30.0
WRITE_S = 10.0
PAUSE_S = 1.0
STAGE = "view"


class TopicView:
    """Gives every event of a topic to `apply`, in a thread of its own, from `start` until `close`.

    `apply` is called by that thread alone. A record that cannot be read, or that `apply` refuses, is logged, counted
    and passed over: one record must not end the view. With a `producer` the view can be written through, and what it
    passes over goes to the dead letters, once however many processes and restarts read it. With a `tail` it begins
    with the last so many records of each partition.
    """

    def __init__(
        self,
        reader: TopicReader,
        topic: Topic,
        apply: Callable[[Any], None],
        producer: RecordProducer | None = None,
        tail: int | None = None,
    ) -> None:
        self._reader, self._topic, self._apply, self._producer = reader, topic, apply, producer
        self._tail = tail
        self._next_offsets: Offsets = {}
        self._progress = threading.Condition()
        self._closed = threading.Event()
        self._first_end: Offsets | None = None
        self._lag = 0
        self._dead: set[str] | None = None  # provenances; read when the first record is passed over
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"view of {topic.name}")

    def start(self) -> TopicView:
        """Begins to follow the topic; returns the view itself."""
        self._thread.start()
        return self

    @property
    def alive(self) -> bool:
        """Whether the topic is followed. A view that is not alive never answers again: restart its process."""
        return self._thread.is_alive()

    @property
    def lag(self) -> int:
        """How many records stood on the topic and were not applied yet when the broker last told."""
        return self._lag

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
                if not self.alive and self._thread.ident is not None:
                    raise StoreUnavailable(f"{self._topic.name} is followed no more; restart this process")
                if remaining <= 0 or not self._progress.wait(remaining):
                    raise StoreUnavailable(f"{self._topic.name} is kept by the broker, but cannot be read at present")

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow_on()
            except Exception:
                # The reader retries what a broker can mend. Whatever else it raises, the topic is read again: what was
                # applied before is skipped.
                log.exception("following a topic failed; it is read again", topic=self._topic.name)
                self._closed.wait(PAUSE_S)

    def _follow_on(self) -> None:
        for progress in self._reader.follow(self._topic, self._closed.is_set, self._tail):
            for record in progress.records:
                if record.offset >= self._next_offsets.get(record.partition, 0):
                    self._apply_record(record)
            with self._progress:
                self._next_offsets = progress.next_offsets
                self._progress.notify_all()
            lags = {partition: end - progress.next_offsets[partition] for partition, end in progress.ends.items()}
            self._lag = note_lags({(self._topic.name, partition): lag for partition, lag in lags.items()})

    def _apply_record(self, record: Record) -> None:
        try:
            self._apply(record.decode(*self._topic.events))
        except StormpetrelError as error:
            log.warning("a record is passed over", provenance=record.provenance, reason=str(error))
            self._pass_over(record, str(error))
        except Exception as error:
            log.exception("a record is passed over", provenance=record.provenance)
            self._pass_over(record, f"{type(error).__name__}: {error}")

    def _pass_over(self, record: Record, reason: str) -> None:
        VIEW_RECORDS_PASSED_OVER.labels(self._topic.name).inc()
        if self._producer is None:
            return
        try:
            if self._dead is None:
                self._dead = {letter.provenance for letter in read_dead_letters(self._reader, self._topic)}
            if record.provenance not in self._dead:
                self._producer.deliver([dead_letter_of(record, reason, STAGE)], WRITE_S)
                self._dead.add(record.provenance)
        except Exception as error:
            # The record itself is kept on its topic; the next process to read it tries again.
            log.warning("a dead letter is not written", provenance=record.provenance, reason=str(error))
