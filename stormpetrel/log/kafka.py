"""Kafka at the edges: topics as they must stand, a producer that loses nothing, dead letters, whole reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.events import Event, headers_of
from stormpetrel.core.topics import (
    PATCHES_DESCRIBED,
    POSTS_ENRICHED,
    POSTS_RAW,
    PRODUCTS_ANNOUNCED,
    Topic,
    dead_letter_name,
)

ADMIN_TIMEOUT_S = 30
DELIVERY_TIMEOUT_S = 60


def _silence(_: Any) -> None:
    """Takes librdkafka's notices of lost connections."""


# librdkafka tells of every lost connection on stderr; what matters comes back as an error of the call.
QUIET: dict[str, Any] = {"error_cb": _silence, "log_level": 2}


@dataclass(frozen=True)
class DeadLetter:
    """A record that could not be worked on, as it lies on a dead-letter topic."""

    raw: bytes
    key: bytes | None
    reason: str
    stage: str
    origin: str
    partition: int
    offset: int
    time_ms: int
    headers: list[tuple[str, bytes]]


def dead_letter_headers(
    reason: str, stage: str, origin: str, kept: Mapping[str, bytes] | None = None
) -> list[tuple[str, bytes]]:
    """The record's own headers and the three that tell of its death.

    `origin` says where the record came from: topic/partition/offset, or file:line.
    """
    told = {"reason": reason.encode()[:4000], "stage": stage.encode(), "origin": origin.encode()}
    return list({**(kept or {}), **told}.items())


class Publisher:
    """A producer of events. `flush` returns only when the broker holds everything that was published."""

    def __init__(self, bootstrap: str) -> None:
        self._failures: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                # Every acknowledged event is on all replicas, once and in order, whatever the network does.
                "enable.idempotence": True,
                "acks": "all",
                # Faust partitions by murmur2: the same key must land in the same partition from here.
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "compression.type": "lz4",
                "delivery.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
                **QUIET,
            }
        )

    def publish(self, topic: str, key: str, event: Event, value: bytes, trace: str | None = None) -> None:
        """Queues an event (`value` is its encoding); waits only where the queue is full."""
        self._send(topic, key.encode(), value, headers_of(event, trace))

    def dead_letter(self, topic: str, raw: bytes, headers: list[tuple[str, bytes]], key: bytes | None = None) -> None:
        """Queues the raw bytes of a record for the dead letters of `topic` (see `dead_letter_headers`)."""
        self._send(dead_letter_name(topic), key, raw, headers)

    def resend(self, topic: str, letter: DeadLetter) -> None:
        """Puts a dead letter's bytes back on its topic."""
        told = {"reason", "stage", "origin"}
        self._send(topic, letter.key, letter.raw, [pair for pair in letter.headers if pair[0] not in told])

    def flush(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Waits until all is acknowledged. Raises StoreUnavailable with the first failure otherwise."""
        left = self._producer.flush(timeout_s)
        failures, self._failures = self._failures, []
        if left or failures:
            reason = failures[0] if failures else "the broker did not answer in time"
            raise StoreUnavailable(f"{left + len(failures)} events are not on Kafka: {reason}; publish them again")

    def _send(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=self._delivered)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.5)

    def _delivered(self, error: KafkaError | None, _: Any) -> None:
        if error is not None:
            self._failures.append(str(error))


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def broker_answers(bootstrap: str, timeout_s: float = 2.0) -> bool:
    """Whether a broker answers at this address."""
    try:
        _admin(bootstrap).list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def apply_topics(bootstrap: str, topics: tuple[Topic, ...], replication: int) -> dict[str, str]:
    """Makes the topics stand as described: topic -> "created", "changed" or "unchanged".

    Raises SetupError where a topic has another number of partitions: changing it would move keys.
    """
    admin = _admin(bootstrap)
    try:
        standing = admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics
    except KafkaException as error:
        raise StoreUnavailable(f"no Kafka broker answers at {bootstrap}: {error.args[0].str()}") from error
    done: dict[str, str] = {}
    for topic in topics:
        if topic.name in standing:
            found = len(standing[topic.name].partitions)
            if found != topic.partitions:
                raise SetupError(
                    f"topic {topic.name} has {found} partitions, {topic.partitions} are needed: keys would move; "
                    "replay it into a new topic, or delete it while it is empty"
                )
            done[topic.name] = _apply_configuration(admin, topic)
    missing = [
        NewTopic(topic.name, topic.partitions, replication, config=topic.configuration())
        for topic in topics
        if topic.name not in standing
    ]
    for name, future in (admin.create_topics(missing) if missing else {}).items():
        future.result(ADMIN_TIMEOUT_S)
        done[name] = "created"
    return done


def _apply_configuration(admin: AdminClient, topic: Topic) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    found = admin.describe_configs([resource])[resource].result(ADMIN_TIMEOUT_S)
    wanted = {key: value for key, value in topic.configuration().items() if found[key].value != value}
    if not wanted:
        return "unchanged"
    for key, value in wanted.items():
        resource.add_incremental_config(ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET))
    admin.incremental_alter_configs([resource])[resource].result(ADMIN_TIMEOUT_S)
    return "changed"


def bounds(consumer: Consumer, topic: str) -> list[tuple[TopicPartition, int]]:
    """Each partition from its first kept offset, with the offset after its last record."""
    partitions = consumer.list_topics(topic, timeout=ADMIN_TIMEOUT_S).topics[topic].partitions
    found = []
    for partition in sorted(partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ADMIN_TIMEOUT_S)
        found.append((TopicPartition(topic, partition, low), high))
    return found


def whole_consumer(bootstrap: str, **more: Any) -> Consumer:
    """A consumer for reading whole topics: in no group, commits nothing. `more` are settings of the client."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "stormpetrel-whole-read",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "earliest",
            **QUIET,
            **more,
        }
    )


def read_whole(bootstrap: str, topic: str, tail: int | None = None) -> Iterator[Any]:
    """Every message that stands on the topic now (of each partition the last `tail`, if given), then ends."""
    consumer = whole_consumer(bootstrap)
    try:
        ends = {}
        starts = []
        for start, high in bounds(consumer, topic):
            if tail is not None:
                start.offset = max(start.offset, high - tail)
            if start.offset < high:
                starts.append(start)
                ends[start.partition] = high
        consumer.assign(starts)
        patience = time.monotonic() + ADMIN_TIMEOUT_S
        while ends:
            for message in consumer.consume(500, timeout=1.0):
                patience = time.monotonic() + ADMIN_TIMEOUT_S
                if message.error():
                    raise StoreUnavailable(f"reading {topic}: {message.error()}")
                end = ends.get(message.partition())
                if end is None or message.offset() >= end:
                    continue
                if message.offset() == end - 1:
                    del ends[message.partition()]
                yield message
            if time.monotonic() > patience:
                raise StoreUnavailable(f"reading {topic}: the broker is silent; {len(ends)} partitions are unread")
    finally:
        consumer.close()


def follow(bootstrap: str, topic: str, stop: Callable[[], bool]) -> Iterator[Any]:
    """Every message of the topic from its beginning and then as they come, until `stop`; None while nothing does.

    A broker that is down is waited for.
    """
    consumer = whole_consumer(bootstrap)
    try:
        assigned = False
        while not stop():
            try:
                if not assigned:
                    consumer.assign([start for start, _ in bounds(consumer, topic)])
                    assigned = True
                # One is waited for, and what has come beside it taken along: a hundred would wait its time out.
                messages = consumer.consume(1, timeout=0.5)
                messages += consumer.consume(500, timeout=0) if messages else []
            except (KafkaException, KeyError):
                time.sleep(0.5)
                continue
            yield from (message for message in messages if not message.error())
            if not messages:
                yield None
    finally:
        consumer.close()


def group_lag(bootstrap: str, group: str, topic: str) -> int:
    """How many records of the topic the group has not committed yet."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET})
    try:
        standing = bounds(consumer, topic)
        committed = consumer.committed([TopicPartition(topic, p.partition) for p, _ in standing], ADMIN_TIMEOUT_S)
        done = {p.partition: p.offset for p in committed}
        return sum(high - (done[low.partition] if done[low.partition] >= 0 else low.offset) for low, high in standing)
    finally:
        consumer.close()


def read_dead_letters(bootstrap: str, topic: str) -> Iterator[DeadLetter]:
    """The dead letters of a topic, by partition and offset."""
    for message in read_whole(bootstrap, dead_letter_name(topic)):
        headers = {name: value.decode(errors="replace") for name, value in message.headers() or []}
        yield DeadLetter(
            raw=message.value() or b"",
            key=message.key(),
            reason=headers.get("reason", ""),
            stage=headers.get("stage", ""),
            origin=headers.get("origin", ""),
            partition=message.partition(),
            offset=message.offset(),
            time_ms=message.timestamp()[1],
            headers=message.headers() or [],
        )


POST_GROUPS = ("worker", "index")  # what posts go through


def consumer_lags(bootstrap: str, prefix: str) -> dict[str, int]:
    """What is left to do: posts for the worker and the index, products for the scenes consumer, patches for the
    index."""
    return {
        "worker": group_lag(bootstrap, f"{prefix}-worker", POSTS_RAW.name),
        "index": group_lag(bootstrap, f"{prefix}-index", POSTS_ENRICHED.name),
        "scenes": group_lag(bootstrap, f"{prefix}-scenes", PRODUCTS_ANNOUNCED.name),
        "patches": group_lag(bootstrap, f"{prefix}-index", PATCHES_DESCRIBED.name),
    }
