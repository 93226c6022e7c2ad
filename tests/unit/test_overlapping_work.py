"""The text model works while places are looked for, and a batch while the one before is delivered; nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import EnrichedPost, Post
from stormpetrel.core.topics import POSTS_ENRICHED
from stormpetrel.log import OutgoingRecord, Record
from stormpetrel.log.memory import MemoryLog
from stormpetrel.posts.enrichment import Enricher, EnrichmentFailure
from stormpetrel.posts.text.duplicates import DuplicateWindow
from streams.batch_agent import process_batches
from tests.unit.faust_events import FaustEvent, raw_events

AT = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 30.0


class Places:
    """A geoparser that finds nothing, and fails at a post whose text has the word "fault" `faults` times in all."""

    def __init__(self, faults: int = 0) -> None:
        self.began, self.faults = threading.Event(), faults

    def budget(self) -> Any:
        return SimpleNamespace(cuts={})

    def mentions(self, texts: Sequence[str], *_: object) -> list[list[Any]]:
        self.began.set()
        return [[] for _ in texts]

    def resolve(self, text: str, *_: object) -> tuple[tuple[()], tuple[()]]:
        if "fault" in text and self.faults:
            self.faults -= 1
            raise ValueError("no place for it")
        return (), ()

    def note(self, *_: object) -> None:
        pass


class UnitEncoder:
    """Gives vectors when `may_work` is set; without it, at once."""

    version = "unit"

    def __init__(self, may_work: threading.Event | None = None) -> None:
        self.may_work, self.texts = may_work, list[str]()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        assert self.may_work is None or self.may_work.wait(PATIENCE_S), "places were not looked for meanwhile"
        self.texts += texts
        return np.full((len(texts), 4), 0.5, dtype=np.float32)


def posts(*texts: str) -> list[Post]:
    return [
        Post(post_id=f"x:{number}", source="file", text=text, created_at=AT, ingested_at=AT)
        for number, text in enumerate(texts)
    ]


def enricher(encoder: UnitEncoder, places: Places) -> Enricher:
    return Enricher(encoder, places, DuplicateWindow(100, 0.8), clock=lambda: AT)  # type: ignore[arg-type]


def test_places_are_looked_for_while_the_text_model_works() -> None:
    places = Places()
    encoder = UnitEncoder(places.began)
    results = enricher(encoder, places).enrich(posts("the river is high", "rain", "the river is high"))
    assert [isinstance(result, EnrichedPost) and result.text_vector is not None for result in results] == [
        True,
        True,
        False,
    ]
    assert encoder.texts == ["the river is high", "rain"], "near-duplicates are not encoded"


def test_where_an_original_fails_its_near_duplicate_in_the_batch_becomes_the_original() -> None:
    worker = enricher(UnitEncoder(), Places(faults=1))
    failed, second, third = worker.enrich(posts(*["the fault of the river dam"] * 3))
    assert isinstance(failed, EnrichmentFailure) and "no place for it" in failed.reason
    assert isinstance(second, EnrichedPost) and second.duplicate_of is None and second.text_vector is not None
    assert isinstance(third, EnrichedPost) and third.duplicate_of == "x:1"
    assert "x:0" not in worker.window and "x:1" in worker.window


def test_every_post_of_a_batch_may_fail() -> None:
    worker = enricher(UnitEncoder(), Places(faults=9))
    results = worker.enrich(posts("a fault", "a fault", "another fault here and now"))
    assert all(isinstance(result, EnrichmentFailure) for result in results)
    assert len(worker.window) == 0


async def in_turn(batches: Sequence[Sequence[FaustEvent]]) -> AsyncIterator[Sequence[FaustEvent]]:
    for events in batches:
        yield events


def results_of(records: Sequence[Record]) -> list[OutgoingRecord]:
    return [OutgoingRecord(POSTS_ENRICHED.name, record.key, record.value, {}) for record in records]


def test_the_next_batch_is_worked_on_while_the_results_of_the_first_are_delivered() -> None:
    log = MemoryLog(partitions=1)
    events = raw_events(log, "flood", "rain")
    delivered: list[bytes | None] = []

    async def run() -> None:
        second_begun = asyncio.Event()

        async def work(records: Sequence[Record]) -> list[OutgoingRecord]:
            if records[0].key == b"x:1":
                assert not events[0].acknowledged
                second_begun.set()
            return results_of(records)

        async def send(record: OutgoingRecord) -> Awaitable[None]:
            async def held() -> None:
                await asyncio.wait_for(second_begun.wait(), PATIENCE_S)
                delivered.append(record.key)

            return held()

        await process_batches(in_turn([events[:1], events[1:]]), work, send, no_crash)

    asyncio.run(run())
    assert delivered == [b"x:0", b"x:1"], "in the order of the log"
    assert all(event.acknowledged for event in events)


async def no_crash(error: Exception) -> None:
    raise AssertionError(error)


def test_a_delivery_that_fails_ends_the_worker_though_no_other_batch_comes() -> None:
    log = MemoryLog(partitions=1)
    events = raw_events(log, "flood")

    async def run() -> None:
        crashed = asyncio.Event()

        async def work(records: Sequence[Record]) -> list[OutgoingRecord]:
            return results_of(records)

        async def send(record: OutgoingRecord) -> Awaitable[None]:
            raise StoreUnavailable("the broker is gone")

        async def crash(error: Exception) -> None:
            crashed.set()

        async def one_and_no_more() -> AsyncIterator[Sequence[FaustEvent]]:
            yield events
            await asyncio.wait_for(crashed.wait(), PATIENCE_S)

        with pytest.raises(StoreUnavailable):
            await process_batches(one_and_no_more(), work, send, crash)

    asyncio.run(run())
    assert not events[0].acknowledged


def test_a_fault_in_a_batch_ends_the_worker_once_and_acknowledges_nothing_of_it() -> None:
    log = MemoryLog(partitions=1)
    events = raw_events(log, "flood", "rain")
    crashes: list[Exception] = []

    async def work(records: Sequence[Record]) -> list[OutgoingRecord]:
        await asyncio.sleep(0)  # the delivery before it goes on
        if records[0].key == b"x:1":
            raise ZeroDivisionError
        return results_of(records)

    async def send(record: OutgoingRecord) -> Awaitable[None]:
        async def done() -> None:
            log.append(record)

        return done()

    async def crash(error: Exception) -> None:
        crashes.append(error)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(process_batches(in_turn([events[:1], events[1:]]), work, send, crash))
    assert len(crashes) == 1 and not events[1].acknowledged
