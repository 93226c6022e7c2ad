"""Reads whole topics: all that stands on one now, or all of it and then what comes. Belongs to no consumer group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import TIMEOUT_S, client_configuration
from stormpetrel.log.record import Record
from stormpetrel.log.unreadable import CODES, UnreadableRecords

Offsets = Mapping[int, int]  # by partition


class Progress(NamedTuple):
    """What came of a followed topic since the last look, the next offset of each partition, and where each one ends as
    far as is known."""

    records: Sequence[Record]
    next_offsets: Offsets
    ends: Offsets


class TopicReader(Protocol):
    """What reads topics: Kafka, or the log in memory."""

    def read(self, topic: Topic, tail: int | None = None) -> Iterator[Record]:
        """Every record that stands on the topic now (of each partition the last `tail`, if given), then ends.

        Raises StoreUnavailable where the broker is silent.
        """

    def follow(self, topic: Topic, stopping: Callable[[], bool], tail: int | None = None) -> Iterator[Progress]:
        """All records from the beginning (of each partition from the last `tail` on, if given), then what comes, until
        `stopping`. If the broker is down, it retries."""

    def end_offsets(self, topic: Topic) -> Offsets:
        """The offset after the last record of each partition, now. Raises StoreUnavailable."""

    def count(self, topic: Topic) -> int:
        """How many records the topic keeps, by its offsets: where it is compacted, at most so many. Raises
        StoreUnavailable."""


class KafkaTopicReader:
    """A TopicReader on the configured broker. Each read has a consumer of its own."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._offsets_consumer: Consumer | None = None

    def read(self, topic: Topic, tail: int | None = None) -> Iterator[Record]:
        consumer = self._consumer()
        try:
            starts, ends = [], {}
            for start, end in partition_bounds(consumer, topic.name):
                if _from_tail(start, end, tail).offset < end:
                    starts.append(start)
                    ends[start.partition] = end
            consumer.assign(starts)
            yield from _until(consumer, topic.name, ends)
        except KafkaException as error:
            raise StoreUnavailable(f"reading {topic.name}: {error.args[0].str()}") from error
        finally:
            consumer.close()

    def follow(self, topic: Topic, stopping: Callable[[], bool], tail: int | None = None) -> Iterator[Progress]:
        consumer = self._consumer()
        unreadable = UnreadableRecords(consumer)
        partitions: list[TopicPartition] = []
        try:
            while not stopping():
                try:
                    if not partitions:
                        partitions = [_from_tail(*bounds, tail) for bounds in partition_bounds(consumer, topic.name)]
                        consumer.assign(partitions)
                    # One is waited for, and what has come beside it taken along: a hundred would wait its time out.
                    messages = consumer.consume(1, timeout=0.5)
                    messages += consumer.consume(500, timeout=0) if messages else []
                    records = unreadable.records(messages)
                    next_offsets = unreadable.passed(_next_offsets(consumer, partitions))
                    ends = _known_ends(consumer, topic.name, next_offsets)
                except (KafkaException, KeyError):
                    time.sleep(0.5)
                    continue
                yield Progress(records, next_offsets, ends)
        finally:
            consumer.close()

    def end_offsets(self, topic: Topic) -> Offsets:
        return {start.partition: end for start, end in self._bounds(topic)}

    def count(self, topic: Topic) -> int:
        return sum(end - start.offset for start, end in self._bounds(topic))

    def _bounds(self, topic: Topic) -> list[tuple[TopicPartition, int]]:
        # A consumer that fetches nothing: questions about offsets would wait behind its fetches.
        self._offsets_consumer = self._offsets_consumer or self._consumer()
        try:
            return partition_bounds(self._offsets_consumer, topic.name)
        except (KafkaException, KeyError) as error:
            raise StoreUnavailable(f"the end of {topic.name} is not known: {error}") from error

    def _consumer(self) -> Consumer:
        return Consumer(
            client_configuration(
                self._kafka, group_id="stormpetrel-whole-read", enable_auto_commit=False, auto_offset_reset="earliest"
            )
        )


def _until(consumer: Consumer, topic: str, ends: dict[int, int]) -> Iterator[Record]:
    """Records up to these offsets. Raises StoreUnavailable where none comes for long."""
    deadline, unreadable = time.monotonic() + TIMEOUT_S, UnreadableRecords(consumer)
    while ends:
        messages = consumer.consume(500, timeout=1.0)
        for error in filter(None, (message.error() for message in messages)):
            if error.code() not in CODES:
                raise StoreUnavailable(f"reading {topic}: {error}")
        records = unreadable.records(messages)
        for record in records:
            deadline = time.monotonic() + TIMEOUT_S
            if record.offset < ends.get(record.partition, 0):
                yield record
        # A compacted topic has holes: the position says how far it was read, not the last record.
        reached = unreadable.passed(_next_offsets(consumer, [TopicPartition(topic, partition) for partition in ends]))
        ends = {partition: end for partition, end in ends.items() if reached[partition] < end}
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"reading {topic}: the broker is silent; {len(ends)} partitions are unread")


def partition_bounds(consumer: Consumer, topic: str) -> list[tuple[TopicPartition, int]]:
    """Each partition from its first kept offset, with the offset after its last record."""
    partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    bounds = []
    for partition in sorted(partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)
        bounds.append((TopicPartition(topic, partition, low), high))
    return bounds


def _from_tail(start: TopicPartition, end: int, tail: int | None) -> TopicPartition:
    """The partition from its last `tail` records on; None: from its first."""
    if tail is not None:
        start.offset = max(start.offset, end - tail)
    return start


def _next_offsets(consumer: Consumer, partitions: Sequence[Any]) -> dict[int, int]:
    """The next offset of each assigned partition; its first one (or 0) where nothing was read of it yet."""
    first = {partition.partition: max(0, partition.offset) for partition in partitions}
    positions = consumer.position([TopicPartition(partition.topic, partition.partition) for partition in partitions])
    return {position.partition: max(position.offset, first[position.partition]) for position in positions}


def _known_ends(consumer: Consumer, topic: str, next_offsets: Offsets) -> Offsets:
    """Where each partition ended at the last fetch; asks nobody."""
    ends = {}
    for partition, offset in next_offsets.items():
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        ends[partition] = max(end, offset)
    return ends
