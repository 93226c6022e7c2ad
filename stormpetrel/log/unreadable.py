"""Records that the client cannot unpack, stepped over and known by their place.

Kafka bounds a batch as it was compressed: 5 kB of zstd may be 150 MB of zeros. The client refuses to unpack that, at
the same offset for ever: one such record would keep everybody from reading its partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, TopicPartition

from stormpetrel.log.record import UNREADABLE, Record

TRIES = 3  # a damaged answer of the broker is whole the next time
CODES = (KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG)
Place = tuple[str, int]  # topic, partition


class UnreadableRecords:
    """What one consumer came upon. Give it each error of a `consume`, and `read` what came without one."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._tries: dict[Place, int] = {}
        self._reached: dict[Place, int] = {}  # the offset behind the last one that was stepped over

    def forget(self) -> None:
        """The partitions begin anew: what was stepped over may come again."""
        self._tries.clear()
        self._reached.clear()

    def passed(self, next_offsets: Mapping[int, int]) -> dict[int, int]:
        """The next offset of each partition of the only topic that is read. The client's own does not move where the
        last record of a partition was stepped over."""
        reached = {partition: offset for (_, partition), offset in self._reached.items()}
        return {partition: max(offset, reached.get(partition, 0)) for partition, offset in next_offsets.items()}

    def records(self, messages: list[Any]) -> list[Record]:
        """The messages that came in one call as records. One stands for what cannot be unpacked, when it was tried
        often enough: it has no value, and the header `unreadable`. The consumer then goes on behind it."""
        records, seen = [], set[Place]()
        for message in messages:
            place = message.topic(), message.partition()
            if message.error() is None:
                self._tries.pop(place, None)
                self._reached.pop(place, None)
                records.append(Record.of_message(message))
            elif message.error().code() in CODES and message.offset() >= 0 and place not in seen:
                seen.add(place)  # what came beside it was fetched before the consumer went on
                records += self._stepped_over(place, message)
        return records

    def _stepped_over(self, place: Place, message: Any) -> list[Record]:
        """The error names the first offset of its batch, whichever record of the batch was asked for."""
        reached = self._reached.get(place, -1)
        tries = self._tries[place] = self._tries.get(place, 0) + 1
        if tries < TRIES and message.offset() >= reached:
            return []
        offset = max(message.offset(), reached)
        self._consumer.seek(TopicPartition(*place, offset + 1))
        self._tries[place], self._reached[place] = 0, offset + 1
        reason = f"the record cannot be unpacked: {message.error().str()}; send it smaller, or compressed less"
        return [Record(*place, offset, None, b"", {UNREADABLE: reason.encode()})]
