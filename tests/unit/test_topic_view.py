"""A topic followed into memory: it reads its own writes, and no record can end it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from stormpetrel.core.errors import MalformedRecord, RecordTooLarge, StoreUnavailable
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted, encode
from stormpetrel.core.topics import SAVED_SEARCHES, Topic
from stormpetrel.log import (
    DeadLetter,
    OutgoingRecord,
    Record,
    TopicView,
    dead_letter_of,
    read_dead_letters,
    record_of_event,
)
from stormpetrel.log.memory import MemoryConsumer, MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.log.topic_reader import Progress

AT = datetime(2026, 1, 1, tzinfo=UTC)


def saved(number: int) -> SavedSearch:
    return SavedSearch(saved_search_id=f"saved-{number}", request={"text": "flood"}, within=10, created_at=AT)


def view_of(log: MemoryLog, applied: list[str]) -> TopicView:
    def apply(event: SavedSearch | SavedSearchDeleted) -> None:
        if event.saved_search_id == "saved-13":
            raise ZeroDivisionError("a fault of ours")
        applied.append(event.saved_search_id)

    return TopicView(MemoryTopicReader(log), SAVED_SEARCHES, apply, MemoryProducer(log)).start()


def test_what_is_written_through_a_view_has_come_back_when_write_returns() -> None:
    log, applied = MemoryLog(), list[str]()
    view = view_of(log, applied)
    for number in range(5):
        view.write([(f"saved-{number}", saved(number))])
        assert applied[-1] == f"saved-{number}"
    view.close()


def test_two_views_of_a_topic_apply_the_same_events() -> None:
    log, here, there = MemoryLog(), list[str](), list[str]()
    view, other = view_of(log, here), view_of(log, there)
    view.write([(f"saved-{number}", saved(number)) for number in range(6)])
    other.catch_up()
    assert sorted(there) == sorted(here) == [f"saved-{number}" for number in range(6)]
    view.close()
    other.close()


def test_a_record_that_cannot_be_read_or_applied_does_not_end_the_view() -> None:
    log, applied = MemoryLog(partitions=1), list[str]()
    log.append(OutgoingRecord(SAVED_SEARCHES.name, b"saved-1", b"{", {"schema": b"SavedSearch"}))
    log.append(OutgoingRecord(SAVED_SEARCHES.name, b"saved-2", b"", {"schema": b"\xff"}))
    log.append(record_of_event(SAVED_SEARCHES, "saved-13", saved(13)))
    log.append(record_of_event(SAVED_SEARCHES, "saved-3", saved(3)))
    view = view_of(log, applied)
    view.wait_until_caught_up(5)
    assert applied == ["saved-3"]
    view.close()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_what_is_passed_over_is_dead_lettered_once_however_many_read_it(moment: str) -> None:
    log, applied = MemoryLog(partitions=1), list[str]()
    raw = encode(saved(2)).replace(b"2026-01-01T00:00:00Z", moment.encode())
    log.append(OutgoingRecord(SAVED_SEARCHES.name, b"saved-2", raw, {"schema": b"SavedSearch"}))
    log.append(record_of_event(SAVED_SEARCHES, "saved-3", saved(3)))
    for _ in range(3):
        view = view_of(log, applied)
        view.wait_until_caught_up(5)
        assert view.alive and view.lag == 0
        view.close()
    assert applied == ["saved-3"] * 3
    (letter,) = read_dead_letters(MemoryTopicReader(log), SAVED_SEARCHES)
    assert (letter.record.key, letter.stage, letter.provenance) == (b"saved-2", "view", "saved_searches/0/0")


def test_a_reader_that_breaks_is_followed_again_and_nothing_is_applied_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormpetrel.log.topic_view.PAUSE_S", 0.01)
    log, applied = MemoryLog(partitions=1), list[str]()
    log.append(record_of_event(SAVED_SEARCHES, "saved-1", saved(1)))
    reader, breaks = MemoryTopicReader(log), 0
    follow = reader.follow

    def breaking(topic: Topic, stopping: Callable[[], bool], tail: int | None = None) -> Iterator[Progress]:
        nonlocal breaks
        yield next(follow(topic, stopping, tail))
        if breaks < 3:
            breaks += 1
            raise SystemError("the client broke")
        yield from follow(topic, stopping, tail)

    monkeypatch.setattr(reader, "follow", breaking)
    view = TopicView(reader, SAVED_SEARCHES, lambda event: applied.append(event.saved_search_id), MemoryProducer(log))
    view.start()
    deadline = time.monotonic() + 20
    while breaks < 3:
        assert time.monotonic() < deadline, "the reader is not followed"
        time.sleep(0.01)
    view.write([("saved-2", saved(2))])
    assert applied == ["saved-1", "saved-2"] and view.alive
    view.close()


def test_a_view_that_ended_says_so() -> None:
    log, applied = MemoryLog(), list[str]()
    view = view_of(log, applied)
    view.wait_until_caught_up(5)
    view.close()
    view._thread.join(5)
    assert not view.alive
    with pytest.raises(StoreUnavailable, match="followed no more"):
        view.write([("saved-1", saved(1))])


def test_a_dead_letter_fits_on_its_topic_whatever_its_record_was() -> None:
    headers = {"schema": b"SavedSearch", **{f"header-{number}" * 200: b"x" * 50_000 for number in range(30)}}
    value = bytes(range(256)) * 8000
    letter = dead_letter_of(Record("saved_searches", 1, 7, b"k" * 100_000, value, headers), "too large", "test")
    assert letter.checked() is letter
    assert letter.value == value[: len(letter.value)] and letter.headers["original_size"] == b"2048000"
    assert letter.headers["original_sha256"].decode() == hashlib.sha256(value).hexdigest()
    log = MemoryLog(partitions=1)
    log.append(letter)
    (found,) = read_dead_letters(MemoryTopicReader(log), SAVED_SEARCHES)
    assert found.is_cut and found.provenance == "saved_searches/1/7"
    with pytest.raises(MalformedRecord, match="of 2048000 bytes are kept"):
        found.revived(SAVED_SEARCHES)


def test_a_record_that_no_broker_takes_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RecordTooLarge, match="'saved-1' has 1,000,00"):
        MemoryProducer(MemoryLog()).send(OutgoingRecord(SAVED_SEARCHES.name, b"saved-1", b"x" * 1_000_000))


def test_a_broker_that_is_down_is_told_and_nothing_is_applied() -> None:
    log, applied = MemoryLog(), list[str]()
    view = view_of(log, applied)
    view.wait_until_caught_up(5)
    log.available = False
    with pytest.raises(StoreUnavailable):
        view.write([("saved-1", saved(1))])
    assert applied == []
    view.close()


def test_what_a_group_did_not_commit_comes_again_and_keys_keep_their_order() -> None:
    log = MemoryLog()
    for number in range(20):
        log.append(OutgoingRecord("topic", f"key-{number % 4}".encode(), str(number).encode()))
    consumer = MemoryConsumer(log, "group")
    consumer.subscribe(["topic"])
    first = consumer.consume(7)
    consumer.commit(first)
    lost = consumer.consume(100)
    consumer.rebalance()
    assert consumer.consume(100) == lost and len(first) + len(lost) == 20
    for key in {record.key for record in lost}:
        numbers = [int(record.value) for record in [*first, *lost] if record.key == key]
        assert numbers == sorted(numbers)


def test_a_dead_letter_brings_its_record_back_as_it_was() -> None:
    log = MemoryLog(partitions=1)
    original = record_of_event(SAVED_SEARCHES, "saved-1", saved(1))
    log.append(original)
    (record,) = log.records(SAVED_SEARCHES.name)
    log.append(dead_letter_of(record, "it is too early " * 1000, "test"))
    (letter,) = read_dead_letters(MemoryTopicReader(log), SAVED_SEARCHES)
    assert isinstance(letter, DeadLetter) and len(letter.reason) == 4000
    assert (letter.stage, letter.provenance) == ("test", "saved_searches/0/0")
    assert letter.revived(SAVED_SEARCHES) == original
