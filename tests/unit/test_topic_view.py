"""A topic followed into memory: it reads its own writes, and no record can end it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted
from stormpetrel.core.topics import SAVED_SEARCHES
from stormpetrel.log import DeadLetter, OutgoingRecord, TopicView, dead_letter_of, read_dead_letters, record_of_event
from stormpetrel.log.memory import MemoryConsumer, MemoryLog, MemoryProducer, MemoryTopicReader

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
