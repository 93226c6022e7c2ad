"""The agents without Faust and without a broker: acknowledgement, poison, size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiokafka.errors import KafkaTimeoutError, NotLeaderForPartitionError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from faust.exceptions import ProducerSendError
from numpy.typing import NDArray

import streams.header_names
from stormpetrel.core.errors import MalformedRecord, StoreUnavailable
from stormpetrel.core.events import EnrichedPost, Post, PostDeleted
from stormpetrel.core.topics import POSTS_ENRICHED, POSTS_RAW
from stormpetrel.log import OutgoingRecord, Record, record_of_event
from stormpetrel.log.memory import MemoryLog
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.duplicates import DuplicateWindow
from streams.ending import end_within
from streams.enrich import EnrichBatch
from streams.header_names import _Records
from tests.unit.faust_events import FaustEvent, TinyEnricher, process_batch, raw_events, sender_to

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_batch_is_acknowledged_after_the_broker_holds_every_result() -> None:
    log = MemoryLog()
    events = raw_events(log, "flood", "rain")
    asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), sender_to(log, events)))  # type: ignore[arg-type]
    results = log.records(POSTS_ENRICHED.name)
    assert sorted(record.decode(EnrichedPost).post.text for record in results) == ["flood", "rain"]
    assert [record.header("trace") for record in results] == ["t1", "t1"]
    assert all(event.acknowledged for event in events) and len(events) == 2


def test_a_post_under_another_key_is_dead_lettered_and_not_counted_as_lost() -> None:
    log = MemoryLog()
    events = raw_events(log, "flood", "rain")
    events[0].key = b"x:another"
    asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), sender_to(log, events)))  # type: ignore[arg-type]
    (letter,) = log.records(POSTS_RAW.dead().name)
    assert "send it under its id" in (letter.header("reason") or "")
    assert [record.key for record in log.records(POSTS_ENRICHED.name)] == [events[1].key]


def test_a_batch_that_the_broker_does_not_take_is_not_acknowledged() -> None:
    log = MemoryLog()
    events = raw_events(log, "flood", "rain")
    log.available = False
    with pytest.raises(StoreUnavailable):
        asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), sender_to(log, events)))  # type: ignore[arg-type]
    assert [event.acknowledged for event in events] == [False, False]


def test_results_that_the_broker_was_too_slow_to_take_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.batch_agent.RETRY_S", 0)
    log, attempts = MemoryLog(), list[bytes | None]()
    events = raw_events(log, "flood", "rain")
    deliver = sender_to(log, events)

    async def send(record: OutgoingRecord) -> Awaitable[None]:
        attempts.append(record.key)

        async def too_slow() -> None:
            raise KafkaTimeoutError

        if len(attempts) == 1:  # Faust's producer has no metadata of the broker, or no room
            raise ProducerSendError("Error while sending") from KafkaTimeoutError()
        return too_slow() if len(attempts) in (2, 3) else await deliver(record)

    asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), send))  # type: ignore[arg-type]
    assert [attempts.count(key) for key in (b"x:0", b"x:1")] in ([2, 3], [3, 2])
    assert len(log.records(POSTS_ENRICHED.name)) == 2 and all(event.acknowledged for event in events)


def test_the_newest_version_of_a_post_stands_last_though_the_broker_refused_an_older_one_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the broker comes back between two versions of a batch."""
    monkeypatch.setattr("streams.batch_agent.RETRY_S", 0)
    log, attempts = MemoryLog(partitions=1), list[bytes | None]()
    for text in ("first", "later"):
        post = Post(post_id="x:0", source="file", text=text, created_at=AT, ingested_at=AT)
        log.append(record_of_event(POSTS_RAW, post.post_id, post))
    events = [FaustEvent(record) for record in log.records(POSTS_RAW.name)]
    deliver = sender_to(log, events)

    async def send(record: OutgoingRecord) -> Awaitable[None]:
        attempts.append(record.key)

        async def refused() -> None:
            raise NotLeaderForPartitionError

        return refused() if len(attempts) == 1 else await deliver(record)

    asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), send))  # type: ignore[arg-type]
    assert log.records(POSTS_ENRICHED.name)[-1].decode(EnrichedPost).post.text == "later"


def test_poison_among_posts_is_dead_lettered_and_its_neighbours_are_enriched() -> None:
    log = MemoryLog(partitions=1)
    log.append(OutgoingRecord(POSTS_RAW.name, b"x:bad", b"{", {"schema": b"Post"}))
    log.append(OutgoingRecord(POSTS_RAW.name, b"x:odd", b"{}", {"schema": b"\xff\xfe"}))
    deletion = PostDeleted(post_id="x:9", source="file", deleted_at=AT)
    log.append(record_of_event(POSTS_RAW, "x:9", deletion))
    events, enricher = raw_events(log, "flood"), TinyEnricher()
    asyncio.run(process_batch(events, EnrichBatch(enricher), sender_to(log, events)))  # type: ignore[arg-type]
    letters = log.records(POSTS_RAW.dead().name)
    assert [(letter.key, letter.header("stage")) for letter in letters] == [(b"x:bad", "enrich"), (b"x:odd", "enrich")]
    assert letters[0].value == b"{" and letters[0].header("provenance") == "posts.raw/0/0"
    assert [record.header("schema") for record in log.records(POSTS_ENRICHED.name)] == ["PostDeleted", "EnrichedPost"]
    assert enricher.forgotten == ["x:9"]
    assert [event.acknowledged for event in events] == [True] * 4


class Faulty(TinyEnricher):
    """Fails as a whole at a post of a certain text."""

    def enrich(self, posts: Sequence[Post], gated: Collection[str] = ()) -> list[EnrichedPost]:
        if any("fault" in post.text for post in posts):
            raise ZeroDivisionError("a fault of ours")
        return super().enrich(posts)


def test_a_fault_at_one_post_costs_that_post_alone() -> None:
    log = MemoryLog(partitions=1)
    events, enricher = raw_events(log, "flood", "rain", "fault", "storm", "hail"), Faulty()
    asyncio.run(process_batch(events, EnrichBatch(enricher), sender_to(log, events)))  # type: ignore[arg-type]
    texts = [record.decode(EnrichedPost).post.text for record in log.records(POSTS_ENRICHED.name)]
    assert texts == ["flood", "rain", "storm", "hail"]
    (letter,) = log.records(POSTS_RAW.dead().name)
    assert (letter.key, letter.header("reason")) == (b"x:2", "ZeroDivisionError: a fault of ours")
    assert enricher.forgotten == ["x:2"]


class Verbose(TinyEnricher):
    """Makes more of a post than a broker takes."""

    def enrich(self, posts: Sequence[Post], gated: Collection[str] = ()) -> list[EnrichedPost]:
        return [event.model_copy(update={"clean_text": event.clean_text * 60}) for event in super().enrich(posts)]


def test_an_enriched_post_that_is_too_large_is_dead_lettered_with_the_post_itself() -> None:
    log = MemoryLog(partitions=1)
    events = raw_events(log, "flood", "Genova, " * 2500)
    asyncio.run(process_batch(events, EnrichBatch(Verbose()), sender_to(log, events)))  # type: ignore[arg-type]
    assert [record.key for record in log.records(POSTS_ENRICHED.name)] == [b"x:0"]
    (letter,) = log.records(POSTS_RAW.dead().name)
    assert letter.key == b"x:1" and letter.value == log.records(POSTS_RAW.name)[1].value
    assert "at most 900,000 are taken" in str(letter.header("reason"))


class TinyEncoder:
    version = "tiny"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), 4), 0.5, dtype=np.float32)


def test_a_post_that_lists_thousands_of_places_becomes_an_event_that_the_log_takes(geoparser: Geoparser) -> None:
    enricher = Enricher(TinyEncoder(), geoparser, DuplicateWindow(10, 0.8))
    post = Post(post_id="x:1", source="file", text="Genova, " * 2500, created_at=AT, ingested_at=AT)
    (event,) = enricher.enrich([post])
    assert isinstance(event, EnrichedPost)
    assert len(event.places) == 1 and "5,000 of 20,000" in event.limits[0]
    assert record_of_event(POSTS_ENRICHED, "x:1", event).checked().size < 200_000
    (short,) = enricher.enrich([post.model_copy(update={"post_id": "x:2", "text": "Acqua alta a Genova"})])
    assert isinstance(short, EnrichedPost) and short.limits == ()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("schema", [b"Post", b""])
def test_a_moment_beyond_the_calendar_or_a_null_schema_stops_no_agent(moment: str, schema: bytes) -> None:
    log = MemoryLog(partitions=1)
    (event,) = raw_events(log, "flood")
    raw = event.value.replace(b"2026-01-01T00:00:00Z", moment.encode(), 1)
    log.append(OutgoingRecord(POSTS_RAW.name, b"x:bad", raw, {"schema": schema}))
    events = [FaustEvent(record) for record in log.records(POSTS_RAW.name)]
    asyncio.run(process_batch(events, EnrichBatch(TinyEnricher()), sender_to(log, events)))  # type: ignore[arg-type]
    assert [record.key for record in log.records(POSTS_ENRICHED.name)] == [b"x:0"]
    assert [letter.key for letter in log.records(POSTS_RAW.dead().name)] == [b"x:bad"]


def test_a_header_whose_name_is_no_utf8_is_read_with_question_marks() -> None:
    class Name(str):
        def encode(self, *_: Any) -> bytes:
            return b"\xff\xfe-name"

    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 10_000)
    builder.append(0, 1000, b"x:1", b"first", [("schema", b"Post"), (Name("x"), b"\xff"), ("trace", None)])
    builder.append(1, 1000, None, b"second", [])
    batch = _Records(bytes(builder.build())).next_batch()
    first, second = list(batch)
    assert first.headers == [("schema", b"Post"), ("??-name", b"\xff"), ("trace", None)]
    assert (first.key, first.value, second.value) == (b"x:1", b"first", b"second")


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_unpacks_to_too_much_is_one_record_that_says_so(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.header_names, "LARGEST_UNPACKED", 200_000)
    monkeypatch.setattr(streams.header_names, "FIRST_BUFFER", 1_000)  # grows twice

    def batch_of(size: int) -> list[Any]:
        builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 10_000_000)
        for offset in range(3):
            builder.append(offset, 1000, b"x:1", bytes(size), [("schema", b"Post")])
        return list(_Records(bytes(builder.build())).next_batch())

    assert [(record.offset, len(record.value)) for record in batch_of(60_000)] == [(n, 60_000) for n in range(3)]
    if codec == 2:
        return  # snappy packs no more than 21 times smaller
    (only,) = batch_of(100_000)
    assert (only.offset, only.key, only.value) == (2, None, None), "the whole batch is read with it"
    record = Record("posts.raw", 0, only.offset, only.key, b"", dict(only.headers))
    with pytest.raises(MalformedRecord, match="cannot be unpacked to 200,000 bytes"):
        record.decode(Post)


def test_a_worker_that_does_not_come_to_an_end_is_ended() -> None:
    app, ended = SimpleNamespace(should_stop=False), list[bool]()
    thread = end_within(app, 0, lambda: ended.append(True))
    thread.join(1)
    assert not ended and thread.is_alive(), "it is at work"
    app.should_stop = True  # as after a crash, or SIGTERM
    thread.join(10)
    assert ended == [True]


def test_a_post_that_was_forgotten_leaves_as_its_own_deletion() -> None:
    log = MemoryLog()
    events = raw_events(log, "flood", "rain")
    batch = EnrichBatch(TinyEnricher(), refuses=lambda post: post.text == "flood")  # type: ignore[arg-type]
    asyncio.run(process_batch(events, batch, sender_to(log, events)))
    results = [record.decode(EnrichedPost, PostDeleted) for record in log.records(POSTS_ENRICHED.name)]
    assert sorted(type(each).__name__ for each in results) == ["EnrichedPost", "PostDeleted"]
    assert not any(b"flood" in record.value for record in log.records(POSTS_ENRICHED.name))
