"""posts.raw -> posts.enriched: takes posts in micro-batches, enriches them off the event loop, loses nothing.

At least once: a batch's offsets are acknowledged only after the broker holds every result, good or dead. What
was in flight when a worker died is worked on again, and the sinks write by id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import EnrichedPost, Event, Post, PostDeleted, decode, encode, headers_of
from stormpetrel.core.topics import POSTS_ENRICHED as ENRICHED_TOPIC
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.kafka import dead_letter_headers
from stormpetrel.posts.enrichment import Enricher, EnrichmentFailure
from stormpetrel.process.metrics import ENRICH_SECONDS, LAST_PROGRESS, POSTS_ENRICHED
from stormpetrel.process.probes import Readiness

log = structlog.get_logger()
STAGE = "enrich"


def _header(event: Any, name: str) -> str | None:
    headers = event.headers or {}
    value = dict(headers).get(name)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _origin(event: Any) -> str:
    message = event.message
    return f"{message.topic}/{message.partition}/{message.offset}"


class EnrichBatch:
    """One micro-batch: decode, enrich, send every result, acknowledge."""

    def __init__(self, enricher: Enricher, enriched: Any, dead: Any) -> None:
        self._enricher, self._enriched, self._dead = enricher, enriched, dead
        # The model is not for two threads at once, and the event loop must stay free for Kafka's heartbeats.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="enrich")

    async def __call__(self, events: Sequence[Any]) -> None:
        started = time.perf_counter()
        decoded = [self._decode(event) for event in events]
        posts = [found for found in decoded if isinstance(found, Post)]
        enriched = await asyncio.get_running_loop().run_in_executor(self._thread, self._enricher.enrich, posts)
        answers = iter(enriched)
        results = [next(answers) if isinstance(found, Post) else found for found in decoded]
        sent = [await self._send(event, result) for event, result in zip(events, results, strict=True)]
        # Only when the broker has acknowledged them all may the offsets move: a crash before this line means
        # that the batch comes again.
        await asyncio.gather(*sent)
        for event in events:
            event.ack()
        ENRICH_SECONDS.observe(time.perf_counter() - started)
        LAST_PROGRESS.set_to_current_time()

    def _decode(self, event: Any) -> Post | PostDeleted | EnrichmentFailure:
        try:
            found: Post | PostDeleted = decode(
                event.value or b"", Post, PostDeleted, schema=_header(event, "schema") or Post.name()
            )
        except StormpetrelError as error:
            return EnrichmentFailure(str(error))
        if isinstance(found, PostDeleted):
            self._enricher.window.forget(found.post_id)
        return found

    async def _send(self, event: Any, result: EnrichedPost | PostDeleted | EnrichmentFailure) -> Any:
        if isinstance(result, EnrichmentFailure):
            POSTS_ENRICHED.labels("dead").inc()
            log.warning("post goes to the dead letters", origin=_origin(event), reason=result.reason)
            headers = dead_letter_headers(result.reason, STAGE, _origin(event), kept=dict(event.headers or {}))
            return await self._dead.send(key=event.key, value=event.value, headers=headers)
        POSTS_ENRICHED.labels(self._outcome(result)).inc()
        key = result.post.post_id if isinstance(result, EnrichedPost) else result.post_id
        forwarded: Event = result
        return await self._enriched.send(
            key=key.encode(), value=encode(forwarded), headers=headers_of(forwarded, _header(event, "trace"))
        )

    @staticmethod
    def _outcome(result: EnrichedPost | PostDeleted) -> str:
        if isinstance(result, PostDeleted):
            return "deleted"
        return "near_duplicate" if result.duplicate_of else "original"


def attach(app: Any, enricher: Enricher, readiness: Readiness, batch: int, within_s: float) -> Any:
    """Adds the enrich agent to a Faust app; the agent is returned."""
    raw = app.topic(POSTS_RAW.name, key_serializer="raw", value_serializer="raw")
    enriched = app.topic(ENRICHED_TOPIC.name, key_serializer="raw", value_serializer="raw")
    dead = app.topic(POSTS_RAW.dead().name, key_serializer="raw", value_serializer="raw")
    work = EnrichBatch(enricher, enriched, dead)

    @app.agent(raw, name="enrich")
    async def enrich(stream: Any) -> None:
        # noack_take: plain take() acknowledges in a `finally`, and one exception would lose a batch.
        async for events in stream.noack_take(batch, within=within_s):
            try:
                await work(events)
            except Exception as error:
                # Nothing of this batch is acknowledged. Only a restart reads it again: stop here, loudly.
                log.exception("the batch failed; the worker stops and its supervisor starts it again")
                await app.crash(error)
                raise

    @app.timer(interval=5.0)
    async def beat() -> None:
        readiness.beat()

    return enrich
