"""Dead letters are listed with their reasons, sent through again, and purged; on the log in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stormpetrel.core.errors import NotFound, StoreUnavailable
from stormpetrel.core.topics import POSTS_RAW, PRODUCTS_ANNOUNCED, Topic
from stormpetrel.dead_letter_queue import DeadLetterQueue
from stormpetrel.log import Record, dead_letter_of
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.log.topic_reader import Offsets
from stormpetrel.posts.pseudonyms import Pseudonyms

PLAIN = b'{"id": "7", "text": "Acqua ovunque", "created_at": "2026-01-01T00:00:00Z"}'


class Broker:
    """The log in memory, and what was to be deleted from it."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.producer = MemoryProducer(self.log)
        self.deleted: list[tuple[str, Offsets]] = []
        self.queue = DeadLetterQueue(
            MemoryTopicReader(self.log), self.producer, self._delete, lambda: Pseudonyms(bytes(32))
        )

    def _delete(self, topic: Topic, before: Offsets) -> None:
        self.deleted.append((topic.name, before))

    def dead_letter(self, topic: Topic, key: bytes, value: bytes, stage: str = "enrich") -> None:
        record = Record(topic.name, 4, 17, key, value, {"schema": b"Post"})
        self.log.append(dead_letter_of(record, f"no good: {key.decode()}", stage))


@pytest.fixture
def broker() -> Broker:
    return Broker()


def test_dead_letters_are_listed_with_reason_stage_provenance_and_time(broker: Broker) -> None:
    broker.dead_letter(POSTS_RAW, b"x:1", b"\xff" * 9000)
    (letter,) = broker.queue.newest("posts.raw", 10)
    assert letter["reason"] == "no good: x:1" and letter["stage"] == "enrich"
    assert letter["provenance"] == "posts.raw/4/17" and letter["key"] == "x:1" and letter["at_ms"] > 0
    assert letter["bytes"] == 9000 and len(letter["raw"]) == 2000
    assert broker.queue.counts()["posts.raw"] == 1 and sum(broker.queue.counts().values()) == 1


def test_the_newest_come_first_and_no_more_than_asked_for(broker: Broker) -> None:
    for number in range(20):
        broker.dead_letter(POSTS_RAW, b"x:%d" % number, b"{}")
    letters = broker.queue.newest("posts.raw", 5)
    assert len(letters) == 5
    assert [letter["at_ms"] for letter in letters] == sorted((letter["at_ms"] for letter in letters), reverse=True)


def test_a_record_goes_through_again_as_it_was(broker: Broker) -> None:
    broker.dead_letter(POSTS_RAW, b"x:1", b"{}")
    assert broker.queue.replay("posts.raw") == (1, 0)
    (record,) = broker.log.records("posts.raw")
    assert (record.key, record.value, dict(record.headers)) == (b"x:1", b"{}", {"schema": b"Post"})
    assert broker.deleted == []


def test_what_a_source_could_not_read_goes_through_its_normaliser(broker: Broker) -> None:
    broker.dead_letter(POSTS_RAW, b"", PLAIN, "source files")
    broker.dead_letter(POSTS_RAW, b"", b"still broken", "source files")
    broker.dead_letter(PRODUCTS_ANNOUNCED, b"", b"no notice", "source folder")
    assert broker.queue.replay("posts.raw") == (2, 0) and broker.queue.replay("products.announced") == (1, 0)
    assert [record.key for record in broker.log.records("posts.raw")] == [b"file:7"]
    again = [record.header("reason") for record in broker.log.records("posts.raw.dead")]
    assert any(reason and "not JSON" in reason for reason in again)
    assert len(broker.log.records("products.announced.dead")) == 2


def test_letters_are_purged_only_when_the_broker_holds_what_was_sent(broker: Broker) -> None:
    broker.dead_letter(POSTS_RAW, b"x:1", b"{}")

    def fails(timeout_s: float = 0) -> None:
        raise StoreUnavailable("the broker does not answer")

    flush, broker.producer.flush = broker.producer.flush, fails  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        broker.queue.replay("posts.raw", purge=True)
    assert broker.deleted == []
    broker.producer.flush = flush  # type: ignore[method-assign]
    broker.queue.replay("posts.raw", purge=True)
    assert [topic for topic, _ in broker.deleted] == ["posts.raw.dead"]


def test_a_purge_ends_before_the_first_younger_letter(broker: Broker) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    records = [
        Record("posts.raw.dead", 0, offset, b"x:1", b"{}", {}, int(at.timestamp() * 1000))
        for offset, at in enumerate((old, old, new, old))
    ]
    broker.log._of("posts.raw.dead")[0].extend(records)
    assert broker.queue.purge("posts.raw", old + timedelta(days=1)) == 2
    assert broker.deleted.pop() == ("posts.raw.dead", {0: 2})
    assert broker.queue.purge("posts.raw") == 4
    assert broker.deleted.pop() == ("posts.raw.dead", {0: 4})
    assert broker.queue.purge("annotations") == 0 and broker.deleted == []


def test_a_topic_that_there_is_not_is_named_with_those_that_there_are(broker: Broker) -> None:
    with pytest.raises(NotFound, match=r"there are: posts\.raw"):
        broker.queue.newest("posts", 1)
    with pytest.raises(NotFound):
        broker.queue.replay("posts.raw.dead")


def test_what_was_sent_keeps_its_order_of_a_key(broker: Broker) -> None:
    for number in range(5):
        broker.dead_letter(POSTS_RAW, b"x:1", b"%d" % number)
    broker.queue.replay("posts.raw")
    assert [record.value for record in broker.log.records("posts.raw")] == [b"0", b"1", b"2", b"3", b"4"]
