"""The producer of every process: an EventProducer that loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, Producer

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import Event
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import client_configuration
from stormpetrel.log.dead_letters import dead_letter_of_raw
from stormpetrel.log.record import OutgoingRecord, Position, record_of_event

DELIVERY_TIMEOUT_S = 60.0


class KafkaProducer:
    """`flush` returns only when the broker holds everything that its thread has queued. Threads may share it."""

    def __init__(self, kafka: Kafka) -> None:
        self._local = threading.local()  # each thread is told of its own failures: no other can take them away
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

    def publish(self, topic: Topic, key: str, event: Event, trace: str | None = None) -> None:
        self.send(record_of_event(topic, key, event, trace))

    def dead_letter(self, topic: Topic, raw: bytes, reason: str, stage: str, provenance: str) -> None:
        self.send(dead_letter_of_raw(topic, raw, reason, stage, provenance))

    def send(self, record: OutgoingRecord) -> None:
        """Queues a record; waits only where the queue is full."""
        self._queue(record, partial(_note, self._failures, None, 0))

    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        unacknowledged = self._producer.flush(timeout_s)
        failures = self._failures
        self._local.failures = []
        if unacknowledged or failures:
            reason = failures[0] if failures else "the broker did not answer in time"
            missing = unacknowledged + len(failures)
            raise StoreUnavailable(f"{missing} events are not on Kafka: {reason}; publish them again")

    def deliver(self, records: Sequence[OutgoingRecord], timeout_s: float = DELIVERY_TIMEOUT_S) -> list[Position]:
        """Writes records and returns where each one stands. Raises StoreUnavailable where the broker lacks one."""
        positions: dict[int, Position] = {}
        for number, record in enumerate(records):
            self._queue(record, partial(_note, self._failures, positions, number))
        self.flush(timeout_s)
        return [positions[number] for number in range(len(records))]

    @property
    def _failures(self) -> list[str]:
        if not hasattr(self._local, "failures"):
            self._local.failures = []
        failures: list[str] = self._local.failures
        return failures

    def _queue(self, record: OutgoingRecord, on_delivery: Any) -> None:
        headers = list(record.headers.items())
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key, headers=headers, on_delivery=on_delivery)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.5)


def _note(
    failures: list[str], positions: dict[int, Position] | None, number: int, error: KafkaError | None, message: Any
) -> None:
    """Takes the broker's answer about one record."""
    if error is not None:
        failures.append(str(error))
    elif positions is not None:
        positions[number] = Position(message.partition(), message.offset())
