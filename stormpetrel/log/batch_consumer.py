"""The loop of a consumer that writes in bulk or does long work: read, work, bury, commit; in that order and no
other."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.log.kafka import QUIET, Publisher, dead_letter_headers
from stormpetrel.process.metrics import LAST_PROGRESS
from stormpetrel.process.probes import Readiness

log = structlog.get_logger()
RETRY_S = (0.5, 1, 2, 5)  # then every 5 s: a store that is down is waited for, never skipped
LONGEST_WORK_S = 900.0
Dead = list[tuple[Any, str]]


class BatchConsumer:
    """`work` takes messages and returns those that are dead, with their reasons; it is called again with the same ones
    while it raises StoreUnavailable. Offsets are committed when it is done and Kafka holds the dead letters."""

    def __init__(
        self,
        kafka: Kafka,
        stage: str,
        topics: Sequence[str],
        work: Callable[[Sequence[Any]], Dead],
        readiness: Readiness,
        batch: int,
        within_s: float,
    ) -> None:
        self._stage, self._topics, self._work, self._readiness = stage, list(topics), work, readiness
        self._batch, self._within_s = batch, within_s
        self.stopping = False
        self._publisher = Publisher(kafka.bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap,
                "group.id": f"{kafka.group_prefix}-{stage}",
                "auto.offset.reset": "earliest",
                # Offsets are committed by hand, after the work is done.
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 2000,
                # A store may be down for long, and a scene takes minutes; the group must not take that for death.
                "max.poll.interval.ms": int(LONGEST_WORK_S * 1000),
                "partition.assignment.strategy": "cooperative-sticky",
                **QUIET,
            }
        )

    def stop(self, *_: Any) -> None:
        self.stopping = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT; the batch in work is finished and committed first."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self._consumer.subscribe(self._topics, on_assign=lambda *_: self._readiness.ready())
        try:
            while not self.stopping:
                self._readiness.beat()
                messages = self._read()
                if messages:
                    self._take(messages)
        finally:
            self._consumer.close()

    def _read(self) -> list[Any]:
        good = []
        for message in self._consumer.consume(self._batch, timeout=self._within_s):
            error = message.error()
            if error is None:
                good.append(message)
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):
                log.warning("Kafka", error=error.str())
        return good

    def _take(self, messages: Sequence[Any]) -> None:
        dead = self._until_done(messages)
        if dead is None:
            return  # stopping with a store down: nothing is committed, the batch comes again
        for message, reason in dead:
            origin = f"{message.topic()}/{message.partition()}/{message.offset()}"
            log.warning("record goes to the dead letters", origin=origin, reason=reason)
            headers = dead_letter_headers(reason, self._stage, origin, kept=dict(message.headers() or []))
            self._publisher.dead_letter(message.topic(), message.value() or b"", headers, message.key())
        self._publisher.flush()
        self._consumer.commit(offsets=_next_offsets(messages), asynchronous=False)
        LAST_PROGRESS.set_to_current_time()

    def _until_done(self, messages: Sequence[Any]) -> Dead | None:
        attempt = 0
        while True:
            try:
                # Long work says by itself that it lives, or is taken for dead after this.
                self._readiness.beat(LONGEST_WORK_S)
                dead = self._work(messages)
            except StoreUnavailable as error:
                wait = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                attempt += 1
                self._readiness.waits_for(f"a store: {error}")
                log.warning("a store does not take the batch; trying again", wait_s=wait, error=str(error))
                if not self._sleep(wait):
                    return None
            else:
                self._readiness.ready()
                return dead

    def _sleep(self, seconds: float) -> bool:
        """False as soon as the process is told to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.stopping:
                return False
            self._readiness.beat()
            time.sleep(0.1)
        return True


def schema_of(message: Any, default: str) -> str:
    """The schema that a message's headers name."""
    name: bytes = dict(message.headers() or []).get("schema", default.encode())
    return name.decode(errors="replace")


def _next_offsets(messages: Sequence[Any]) -> list[TopicPartition]:
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        place = (message.topic(), message.partition())
        last[place] = max(last.get(place, -1), message.offset())
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
