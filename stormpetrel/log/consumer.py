"""A member of a consumer group: takes records of its partitions, and commits by hand when their work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from stormpetrel.core.settings import Kafka
from stormpetrel.log.connection import client_configuration
from stormpetrel.log.record import Record

log = structlog.get_logger()


class KafkaConsumer:
    """A RecordConsumer on the configured broker. `longest_work_s` is how long one batch may take."""

    def __init__(self, kafka: Kafka, group: str, longest_work_s: float) -> None:
        self._consumer = Consumer(
            client_configuration(
                kafka,
                group_id=f"{kafka.group_prefix}-{group}",
                auto_offset_reset="earliest",
                # Offsets are committed by hand, after the work is done.
                enable_auto_commit=False,
                session_timeout_ms=6000,
                heartbeat_interval_ms=2000,
                # A store may be down for long, and a scene takes minutes; the group must not take that for death.
                max_poll_interval_ms=int(longest_work_s * 1000),
                partition_assignment_strategy="cooperative-sticky",
            )
        )

    def subscribe(self, topics: Sequence[str], on_assigned: Callable[[], None]) -> None:
        self._consumer.subscribe(list(topics), on_assign=lambda *_: on_assigned())

    def consume(self, limit: int, timeout_s: float) -> list[Record]:
        records = []
        for message in self._consumer.consume(limit, timeout=timeout_s):
            error = message.error()
            if error is None:
                records.append(Record.of_message(message))
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):
                log.warning("Kafka", error=error.str())
        return records

    def commit(self, records: Sequence[Record]) -> None:
        last = {(record.topic, record.partition): record.offset for record in sorted(records, key=lambda r: r.offset)}
        offsets = [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def close(self) -> None:
        self._consumer.close()
