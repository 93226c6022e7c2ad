"""The producer of every process: an EventProducer that loses nothing."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, Producer

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import Event
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import client_configuration
from stormpetrel.log.dead_letters import dead_letter_of
from stormpetrel.log.record import OutgoingRecord, Position, Record, record_of_event

DELIVERY_TIMEOUT_S = 60.0


class RecordProducer(ABC):
    """What writes to the log: Kafka's producer, or the one of the log in memory. An EventProducer of `core.ports`."""

    def publish(self, topic: Topic, key: str, event: Event, trace: str | None = None, gate: str | None = None) -> None:
        self.send(record_of_event(topic, key, event, trace, gate))

    def dead_letter(self, topic: Topic, raw: bytes, reason: str, stage: str, provenance: str) -> None:
        self.send(dead_letter_of(Record(topic.name, -1, -1, None, raw), reason, stage, provenance))

    @abstractmethod
    def send(self, record: OutgoingRecord) -> None:
        """Queues a record, and waits only where the queue is full; it is safe only after `flush`.

        Raises RecordTooLarge.
        """

    @abstractmethod
    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Returns when the broker holds everything that was queued. Raises StoreUnavailable otherwise."""

    @abstractmethod
    def deliver(self, records: Sequence[OutgoingRecord], timeout_s: float = DELIVERY_TIMEOUT_S) -> list[Position]:
        """Writes records and returns where each one stands.

        Raises StoreUnavailable where the broker lacks one, and RecordTooLarge, before any is written.
        """


class _Failures(threading.local):
    """What the broker refused of a thread's records: no other thread can take it away."""

    def __init__(self) -> None:
        self.reasons: list[str] = []


class KafkaProducer(RecordProducer):
    """`flush` returns only when the broker holds everything that its thread has queued. Threads may share it."""

    def __init__(self, kafka: Kafka) -> None:
        self._failures = _Failures()
        self._producer = Producer(
            client_configuration(
                kafka,
                # Every acknowledged record is on all replicas, once and in order, whatever the network does.
                enable_idempotence=True,
                acks="all",
                # Faust partitions by murmur2: the same key must land in the same partition from here.
                partitioner="murmur2_random",
                linger_ms=5,
                compression_type="lz4",
                delivery_timeout_ms=int(DELIVERY_TIMEOUT_S * 1000),
            )
        )

    def send(self, record: OutgoingRecord) -> None:
        self._queue(record.checked(), {}, 0)

    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        unacknowledged = self._producer.flush(timeout_s)
        failures, self._failures.reasons = self._failures.reasons, []
        if unacknowledged or failures:
            reason = failures[0] if failures else "the broker did not answer in time"
            missing = unacknowledged + len(failures)
            raise StoreUnavailable(f"{missing} events are not on Kafka: {reason}; publish them again")

    def deliver(self, records: Sequence[OutgoingRecord], timeout_s: float = DELIVERY_TIMEOUT_S) -> list[Position]:
        positions: dict[int, Position] = {}
        for number, record in enumerate([record.checked() for record in records]):
            self._queue(record, positions, number)
        self.flush(timeout_s)
        return [positions[number] for number in range(len(records))]

    def _queue(self, record: OutgoingRecord, positions: dict[int, Position], number: int) -> None:
        failures = self._failures.reasons

        def note(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                failures.append(str(error))
            else:
                positions[number] = Position(message.partition(), message.offset())

        headers = list(record.headers.items())
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key, headers=headers, on_delivery=note)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.5)
