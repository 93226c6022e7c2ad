"""Our clients of Kafka on librdkafka's own broker for tests, which runs inside the process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log import OutgoingRecord, Record
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets, Remaining
from stormpetrel.log.producer import KafkaProducer
from tests.unit.odd_headers import send_with_odd_header_name

READ = """
import sys
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.topic_reader import KafkaTopicReader

for record in KafkaTopicReader(Kafka(bootstrap=sys.argv[1])).read(POSTS_RAW):
    print(record.key.decode(), *sorted(record.headers))
"""


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    broker = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (address,) = broker.list_topics(timeout=10).brokers.values()
    yield Kafka(bootstrap=f"{address.host}:{address.port}")
    broker.flush(1)


def write(kafka: Kafka, topic: str, count: int) -> None:
    producer = KafkaProducer(kafka)
    for number in range(count):
        producer.send(OutgoingRecord(topic, f"x:{number}".encode(), b"{}", {"schema": b"Post"}))
    producer.flush()


def test_a_header_whose_name_is_no_utf8_does_not_kill_the_process_that_reads_it(kafka: Kafka) -> None:
    write(kafka, POSTS_RAW.name, 60)  # so many that the interpreter has made its calls fast ones
    send_with_odd_header_name(kafka.bootstrap, POSTS_RAW.name, "x:odd", b"{}", "Post")
    write(kafka, POSTS_RAW.name, 60)
    reader = subprocess.run([sys.executable, "-c", READ, kafka.bootstrap], capture_output=True, text=True, timeout=60)
    assert reader.returncode == 0, reader.stderr
    lines = reader.stdout.splitlines()
    assert len(lines) == 121 and "x:odd unreadable_headers" in lines


def test_two_members_share_the_partitions_of_every_topic(kafka: Kafka) -> None:
    topics = ["posts.enriched", "items.labelled", "patches.described"]
    for topic in topics:
        write(kafka, topic, 1)  # makes it, with the four partitions that this broker gives
    members = [KafkaConsumer(kafka, "index") for _ in range(2)]
    for member in members:
        member.subscribe(topics, lambda: None)
    half, deadline, shares = dict.fromkeys(topics, 2), time.monotonic() + 30, list[Counter[str]]()
    while shares != [half, half] and time.monotonic() < deadline:
        for member in members:
            member.consume(1, 0.2)
        shares = [Counter(topic for topic, _ in member.assigned()) for member in members]
    assert shares == [half, half]
    for member in members:
        member.close()


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError._TIMED_OUT])
def test_a_member_that_was_taken_for_dead_goes_on_without_its_commit(
    kafka: Kafka, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a freeze: librdkafka joins again by itself, and the batch comes again."""
    member = KafkaConsumer(kafka, "index")

    class Client:
        def commit(self, **_: Any) -> None:
            raise KafkaException(KafkaError(code))

    monkeypatch.setattr(member, "_consumer", Client())
    member.commit([Record("posts.enriched", 0, 7, b"x:1", b"{}")])


def test_a_batch_whose_partitions_were_given_out_anew_is_not_committed_but_comes_again(kafka: Kafka) -> None:
    """While a member works it stays in its group, and so the broker would take any commit of it."""
    write(kafka, "posts.enriched", 20)
    member, other = KafkaConsumer(kafka, "index"), KafkaConsumer(kafka, "index")
    member.subscribe(["posts.enriched"], lambda: None)
    batch, deadline = list[Record](), time.monotonic() + 60
    while not batch and time.monotonic() < deadline:
        batch = member.consume(20, 0.5)
    other.subscribe(["posts.enriched"], lambda: None)
    while not other.assigned() and time.monotonic() < deadline:
        other.pause(0.02)
        member.pause(0.02)
    member.commit(batch)
    other.close()
    taken = set[bytes | None]()
    while len(taken) < 20 and time.monotonic() < deadline:
        taken |= {record.key for record in member.consume(20, 0.5)}
    assert taken == {f"x:{number}".encode() for number in range(20)}
    member.close()


def test_a_paused_member_takes_nothing_and_loses_nothing(kafka: Kafka) -> None:
    write(kafka, "posts.enriched", 20)
    consumer = KafkaConsumer(kafka, "index")
    consumer.subscribe(["posts.enriched"], lambda: None)
    for _ in range(20):
        consumer.pause(0.2)
    taken = []
    deadline = time.monotonic() + 30
    while len(taken) < 20 and time.monotonic() < deadline:
        taken += consumer.consume(20, 0.5)
    assert sorted(record.key or b"" for record in taken) == sorted(f"x:{number}".encode() for number in range(20))
    consumer.close()


def test_a_member_that_is_paused_when_its_partitions_go_reads_on_when_they_come_back(kafka: Kafka) -> None:
    write(kafka, "posts.enriched", 20)
    member = KafkaConsumer(kafka, "index")
    member.subscribe(["posts.enriched"], lambda: None)
    while not member.assigned():
        member.pause(0.2)
    other = KafkaConsumer(kafka, "index")
    other.subscribe(["posts.enriched"], lambda: None)
    deadline = time.monotonic() + 20
    while member.assigned() and time.monotonic() < deadline:
        other.pause(0.02)
        member.pause(0.02)
    assert member.assigned() == [], "the group took its partitions away while it was paused"
    other.close()
    taken = set[bytes | None]()
    while len(taken) < 20 and time.monotonic() < deadline + 20:
        taken |= {record.key for record in member.consume(20, 0.5)}
    assert taken == {f"x:{number}".encode() for number in range(20)}
    member.close()


def test_what_remains_is_read_to_know_whether_it_holds_a_record(kafka: Kafka) -> None:
    write(kafka, POSTS_RAW.name, 40)
    offsets = GroupOffsets(kafka, "worker")
    remaining = offsets.remaining(POSTS_RAW)
    assert sum(left.lag for left in remaining.values()) == 40
    assert offsets.holds_records(remaining) and offsets.lag(POSTS_RAW) == 40
    assert not offsets.holds_records({place: Remaining(left.end, left.end) for place, left in remaining.items()})


def test_markers_of_transactions_are_nothing_that_is_left_to_do(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    write(kafka, POSTS_RAW.name, 3)
    offsets = GroupOffsets(kafka, "worker")
    monkeypatch.setattr(GroupOffsets, "holds_records", lambda *_: False)  # this broker writes no markers
    assert offsets.lag(POSTS_RAW) == 0
