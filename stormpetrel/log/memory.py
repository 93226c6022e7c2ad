"""The log inside one process, with the semantics of the broker's: for tests, and for trying things out.

Records of a key keep their order on one partition. What is sent is on the log only after a flush. A group's consumer
begins where the group committed; what was taken and not committed comes again after a restart or a rebalance.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stormpetrel.core.clock import now_ms
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.topics import Topic, all_topics
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import OutgoingRecord, Position, Record
from stormpetrel.log.topic_reader import Offsets, Progress

PARTITIONS = {topic.name: topic.partitions for topic in all_topics()}  # order on a topic with one rests on it


@dataclass
class MemoryLog:
    """All topics. While `available` is False the broker is down: nothing is taken, read or committed."""

    partitions: int = 3
    available: bool = True
    _topics: dict[str, list[list[Record]]] = field(default_factory=dict)
    _committed: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def append(self, outgoing: OutgoingRecord) -> Position:
        """Writes one record; the same key goes to the same partition. Raises StoreUnavailable."""
        self.check()
        with self._changed:
            partition = zlib.crc32(outgoing.key or b"") % min(self.partitions, PARTITIONS.get(outgoing.topic, 3))
            records = self._of(outgoing.topic)[partition]
            position = Position(partition, len(records))
            key, value, headers = outgoing.key, outgoing.value, outgoing.headers
            records.append(Record(outgoing.topic, *position, key, value, headers, now_ms()))
            self._changed.notify_all()
            return position

    def records(self, topic: str) -> list[Record]:
        """Everything on a topic, by partition and offset."""
        with self._changed:
            return [record for partition in self._of(topic) for record in partition]

    def committed(self, group: str, topic: str) -> int:
        """How many records of a topic a group has committed."""
        return sum(self._committed[group, topic, partition] for partition in range(self.partitions))

    def take(self, next_offsets: dict[tuple[str, int], int], limit: int) -> list[Record]:
        """At most `limit` records from these offsets on, which move past them. Raises StoreUnavailable."""
        self.check()
        records: list[Record] = []
        for (topic, partition), offset in next_offsets.items():
            taken = self._of(topic)[partition][offset : offset + limit - len(records)]
            next_offsets[topic, partition] = offset + len(taken)
            records += taken
        return records

    def check(self) -> None:
        if not self.available:
            raise StoreUnavailable("the broker does not answer")

    def _of(self, topic: str) -> list[list[Record]]:
        return self._topics.setdefault(topic, [[] for _ in range(self.partitions)])


class MemoryProducer(RecordProducer):
    """An EventProducer on the log in memory: what is queued is lost unless it is flushed."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.queued: list[OutgoingRecord] = []

    def send(self, record: OutgoingRecord) -> None:
        self.queued.append(record.checked())

    def flush(self, timeout_s: float = 60.0) -> None:
        self._log.check()
        while self.queued:
            self._log.append(self.queued.pop(0))

    def deliver(self, records: Sequence[OutgoingRecord], timeout_s: float = 60.0) -> list[Position]:
        return [self._log.append(record) for record in [record.checked() for record in records]]


class MemoryConsumer:
    """A RecordConsumer of a group that has all partitions."""

    def __init__(self, log: MemoryLog, group: str) -> None:
        self._log, self._group = log, group
        self._next: dict[tuple[str, int], int] = {}
        self._topics: Sequence[str] = ()

    def subscribe(self, topics: Sequence[str], on_assigned: Callable[[], None] = lambda: None) -> None:
        self._topics = topics
        self.rebalance()
        on_assigned()

    def rebalance(self) -> None:
        """Takes the partitions anew, as after a restart: from what the group committed."""
        self._next = {
            (topic, partition): self._log._committed[self._group, topic, partition]
            for topic in self._topics
            for partition in range(self._log.partitions)
        }

    def consume(self, limit: int, timeout_s: float = 0.0) -> list[Record]:
        return self._log.take(self._next, limit)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def commit(self, records: Sequence[Record]) -> None:
        self._log.check()
        for record in records:
            place = (self._group, record.topic, record.partition)
            self._log._committed[place] = max(self._log._committed[place], record.offset + 1)

    def close(self) -> None:
        self._next = {}


class MemoryTopicReader:
    """A TopicReader on the log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def read(self, topic: Topic, tail: int | None = None) -> Iterator[Record]:
        self._log.check()
        for partition in self._log._of(topic.name):
            yield from list(partition if tail is None else partition[-tail:])

    def follow(self, topic: Topic, stopping: Callable[[], bool], tail: int | None = None) -> Iterator[Progress]:
        with self._log._changed:
            ends = [len(partition) for partition in self._log._of(topic.name)]
        offsets = {partition: 0 if tail is None else max(0, end - tail) for partition, end in enumerate(ends)}
        while not stopping():
            with self._log._changed:
                partitions = self._log._of(topic.name)
                if all(len(partitions[partition]) == offset for partition, offset in offsets.items()):
                    self._log._changed.wait(0.05)
                fresh = [record for partition in offsets for record in partitions[partition][offsets[partition] :]]
                offsets = {partition: len(partitions[partition]) for partition in offsets}
            yield Progress(fresh, offsets, offsets)

    def count(self, topic: Topic) -> int:
        return sum(1 for _ in self.read(topic))

    def end_offsets(self, topic: Topic) -> Offsets:
        self._log.check()
        return {partition: len(records) for partition, records in enumerate(self._log._of(topic.name))}
