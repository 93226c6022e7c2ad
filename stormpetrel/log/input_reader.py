"""Reads whole topics from given offsets on, and says where each partition stands. Belongs to no consumer group.

For a process that keeps its own offsets: the detector's steps say which records it has taken.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import TIMEOUT_S, client_configuration
from stormpetrel.log.memory import MemoryLog
from stormpetrel.log.record import Record
from stormpetrel.log.topic_reader import partition_bounds
from stormpetrel.log.unreadable import CODES, UnreadableRecords

log = structlog.get_logger()
LARGEST_QUEUE_KB = 16_384  # of records that were fetched and not read yet
Place = tuple[str, int]  # topic, partition
Places = Mapping[Place, int]


class Taken(NamedTuple):
    """What came, the offset after what was read of each partition, and where each one ends as far as is known."""

    records: Sequence[Record]
    next_offsets: Places
    ends: Places


class InputReader(Protocol):
    """What reads the detector's inputs: Kafka, or the log in memory. All methods raise StoreUnavailable."""

    def bounds(self) -> dict[Place, tuple[int, int]]:
        """The first kept offset of each partition, and the one after its last record."""

    def since(self, seconds: float) -> Places:
        """Where each partition stood that long before its topic's newest record."""

    def start(self, offsets: Places) -> None:
        """Reads from these offsets on."""

    def take(self, limit: int, timeout_s: float) -> Taken:
        """At most `limit` records; fewer, or none, after `timeout_s`."""

    def commit(self, offsets: Places) -> None:
        """Tells whoever asks for the lag how far the work has come. Nothing rests on it."""

    def close(self) -> None: ...


class KafkaInputReader:
    """An InputReader on the configured broker. `group` names the work in what is told of lags; no member joins it."""

    def __init__(self, kafka: Kafka, topics: Sequence[Topic], group: str) -> None:
        self._topics = topics
        configuration = client_configuration(
            kafka,
            group_id=f"{kafka.group_prefix}-{group}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            queued_max_messages_kbytes=LARGEST_QUEUE_KB,
        )
        # Questions about offsets would wait behind the fetches of a consumer that reads.
        self._reader, self._asker = Consumer(configuration), Consumer(configuration)
        self._unreadable = UnreadableRecords(self._reader)
        self._next: dict[Place, int] = {}

    def bounds(self) -> dict[Place, tuple[int, int]]:
        try:
            found = [pair for topic in self._topics for pair in partition_bounds(self._asker, topic.name)]
        except (KafkaException, KeyError) as error:
            raise StoreUnavailable(f"the ends of the detector's topics are not known: {error}") from error
        return {(start.topic, start.partition): (start.offset, end) for start, end in found}

    def since(self, seconds: float) -> dict[Place, int]:
        bounds = self.bounds()
        newest_ms = self._newest_ms(bounds)
        earliest_ms = max(0, newest_ms - int(seconds * 1000))
        asked = [TopicPartition(*place, earliest_ms) for place in bounds]
        try:
            answers = self._asker.offsets_for_times(asked, timeout=TIMEOUT_S)
        except KafkaException as error:
            raise StoreUnavailable(f"offsets by time are not known: {error}") from error
        offsets = {(each.topic, each.partition): each.offset for each in answers}
        return {place: offsets[place] if offsets[place] >= 0 else end for place, (_, end) in bounds.items()}

    def _newest_ms(self, bounds: Mapping[Place, tuple[int, int]]) -> int:
        """When the newest record of all was written; now, where there is none."""
        last = [TopicPartition(*place, end - 1) for place, (start, end) in bounds.items() if end > start]
        if not last:
            return int(time.time() * 1000)
        self._asker.assign(last)
        newest, missing, deadline = 0, {(each.topic, each.partition) for each in last}, time.monotonic() + 5.0
        while missing and time.monotonic() < deadline:
            for message in self._asker.consume(len(missing), timeout=0.5):
                if message.error() is None:
                    newest = max(newest, message.timestamp()[1])
                missing.discard((message.topic(), message.partition()))
        self._asker.unassign()
        return newest or int(time.time() * 1000)

    def start(self, offsets: Places) -> None:
        self._next = dict(offsets)
        self._unreadable = UnreadableRecords(self._reader)
        self._reader.assign([TopicPartition(*place, offset) for place, offset in offsets.items()])

    def take(self, limit: int, timeout_s: float) -> Taken:
        try:
            # One is waited for, and what has come beside it is taken along.
            messages = self._reader.consume(1, timeout=timeout_s)
            messages += self._reader.consume(limit - 1, timeout=0) if messages else []
            kept = [message for message in messages if message.error() is None or message.error().code() in CODES]
            records = self._unreadable.records(kept)
            positions = self._reader.position([TopicPartition(*place) for place in self._next])
            for record in records:
                place = (record.topic, record.partition)
                self._next[place] = max(self._next[place], record.offset + 1)
            for position in positions:  # further than the last record where the broker has taken records away
                place = (position.topic, position.partition)
                self._next[place] = max(self._next[place], position.offset)
            ends = {place: self._end(place, offset) for place, offset in self._next.items()}
        except KafkaException as error:
            raise StoreUnavailable(f"the detector's topics cannot be read: {error}") from error
        return Taken(records, dict(self._next), ends)

    def _end(self, place: Place, offset: int) -> int:
        _, end = self._reader.get_watermark_offsets(TopicPartition(*place), cached=True)
        return int(max(end, offset))

    def commit(self, offsets: Places) -> None:
        try:
            self._reader.commit(
                offsets=[TopicPartition(*place, offset) for place, offset in offsets.items()], asynchronous=True
            )
        except KafkaException as error:
            log.warning("how far the detector has come is not told", error=str(error))

    def close(self) -> None:
        self._reader.close()
        self._asker.close()


class MemoryInputReader:
    """An InputReader on the log in memory."""

    def __init__(self, log: MemoryLog, topics: Sequence[Topic]) -> None:
        self._log, self._topics = log, topics
        self._next: dict[Place, int] = {}

    def bounds(self) -> dict[Place, tuple[int, int]]:
        self._log.check()
        return {
            (topic.name, partition): (0, len(records))
            for topic in self._topics
            for partition, records in enumerate(self._log._of(topic.name))
        }

    def since(self, seconds: float) -> Places:
        return {place: start for place, (start, _) in self.bounds().items()}

    def start(self, offsets: Places) -> None:
        self._next = dict(offsets)

    def take(self, limit: int, timeout_s: float) -> Taken:
        records = self._log.take(self._next, limit)
        return Taken(records, dict(self._next), {place: end for place, (_, end) in self.bounds().items()})

    def commit(self, offsets: Places) -> None:
        for (topic, partition), offset in offsets.items():
            self._log._committed["detect", topic, partition] = offset

    def close(self) -> None:
        self._next = {}
