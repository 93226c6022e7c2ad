"""Records that unpack to more than a client takes: one must not keep everybody from its partition."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Post
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log import Record
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.topic_reader import KafkaTopicReader

ORDER = [b"before", b"bomb", b"between", b"bomb", b"after", b"bomb"]
UNPACKED = 120_000_000  # bytes; the client unpacks at most 100 MB of zstd


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """One partition with good records around two that nobody unpacks."""
    own = {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0}
    broker = Producer(own)
    (address,) = broker.list_topics(timeout=10).brokers.values()
    bootstrap = f"{address.host}:{address.port}"
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "zstd",
            "message.max.bytes": 2 * UNPACKED,
            "queue.buffering.max.kbytes": 1_000_000,
            "log_level": 0,
        }
    )
    for key in ORDER:
        producer.produce(POSTS_RAW.name, bytes(UNPACKED) if key == b"bomb" else b"{}", key, partition=0)
        assert producer.flush(60) == 0  # a batch each
    yield Kafka(bootstrap=bootstrap)
    broker.flush(1)


def check(records: list[Record]) -> None:
    expected = [None if key == b"bomb" else key for key in ORDER]
    assert [(record.offset, record.key) for record in records] == list(enumerate(expected))
    with pytest.raises(MalformedRecord, match=r"cannot be unpacked.*send it smaller"):
        records[1].decode(Post)


def test_a_group_goes_on_behind_it_and_has_it_as_a_record_to_reject(kafka: Kafka) -> None:
    consumer, records = KafkaConsumer(kafka, "unpacking"), list[Record]()
    consumer.subscribe([POSTS_RAW.name], lambda: None)
    deadline = time.monotonic() + 60
    while len(records) < len(ORDER) and time.monotonic() < deadline:
        records += consumer.consume(10, 0.5)
    consumer.commit(records)
    consumer.close()
    check(records)


def test_a_whole_topic_is_read_past_it(kafka: Kafka) -> None:
    check(list(KafkaTopicReader(kafka).read(POSTS_RAW)))


def test_a_followed_topic_is_followed_past_it(kafka: Kafka) -> None:
    records, deadline = list[Record](), time.monotonic() + 60
    for progress in KafkaTopicReader(kafka).follow(POSTS_RAW, lambda: time.monotonic() > deadline):
        records += progress.records
        if progress.next_offsets[0] == len(ORDER):
            break
    check(records)
