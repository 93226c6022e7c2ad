"""Faust's events, a tiny enricher and a sender, on the log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from stormpetrel.core.events import EnrichedPost, Post
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log import OutgoingRecord, Record, record_of_event
from stormpetrel.log.memory import MemoryLog
from streams.batch_agent import Send, Work, process_batches

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FaustEvent:
    """A record as Faust hands it over."""

    def __init__(self, record: Record) -> None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        self.message = SimpleNamespace(**place, timestamp=record.timestamp_ms / 1000)
        self.key, self.value, self.headers = record.key, record.value, dict(record.headers)
        self.acknowledged = False

    def ack(self) -> None:
        self.acknowledged = True


class TinyEnricher:
    """Enriches a text by itself; forgets on demand."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.window = SimpleNamespace(forget=self.forgotten.append)

    def enrich(self, posts: Sequence[Post], gated: Collection[str] = ()) -> list[EnrichedPost]:
        return [
            EnrichedPost(post=post, clean_text=post.text, language="en", language_confidence=1, enriched_at=AT)
            for post in posts
        ]


async def process_batch(events: Sequence[FaustEvent], work: Work, send: Send) -> None:
    """One batch, worked on and delivered as an agent does it."""
    errors: list[Exception] = []

    async def batches() -> AsyncIterator[Sequence[FaustEvent]]:
        yield events

    async def crash(error: Exception) -> None:
        errors.append(error)

    try:
        await process_batches(batches(), work, send, crash)
    finally:
        assert errors == [] or not any(event.acknowledged for event in events)


def raw_events(log: MemoryLog, *texts: str) -> list[FaustEvent]:
    for number, text in enumerate(texts):
        post = Post(post_id=f"x:{number}", source="file", text=text, created_at=AT, ingested_at=AT)
        log.append(record_of_event(POSTS_RAW, post.post_id, post, trace="t1"))
    return [FaustEvent(record) for record in log.records(POSTS_RAW.name)]


def sender_to(log: MemoryLog, events: Sequence[FaustEvent]) -> Any:
    """Delivers to the log in memory, and checks that nothing is acknowledged before."""

    async def send(record: OutgoingRecord) -> Awaitable[None]:
        async def delivered() -> None:
            assert not any(event.acknowledged for event in events), "acknowledged before the broker held the results"
            log.append(record)

        return delivered()

    return send
