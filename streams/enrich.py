"""posts.raw -> posts.enriched: enriches posts in micro-batches, off the event loop.

At least once: what was in flight when a worker died is worked on again, and the sinks write by id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from stormpetrel.core.clock import now
from stormpetrel.core.errors import RecordTooLarge, StormpetrelError
from stormpetrel.core.events import EnrichedPost, Post, PostDeleted, PostDropped
from stormpetrel.core.topics import POSTS_DROPPED, POSTS_ENRICHED
from stormpetrel.log import OutgoingRecord, Record, dead_letter_of, record_of_event
from stormpetrel.log.record import GATE
from stormpetrel.posts.enrichment import Enriched, Enricher, EnrichmentFailure
from stormpetrel.posts.gate.relevance import Irrelevant
from stormpetrel.posts.gate.sampling import is_sampled
from stormpetrel.process import metrics

log = structlog.get_logger()
STAGE = "enrich"


class EnrichBatch:
    """One micro-batch: decodes, enriches, and gives a result for every record: good, dropped or dead. Of the dropped,
    `sampled_share` keep their text. A post that `refuses` says was forgotten leaves as its own deletion."""

    def __init__(
        self, enricher: Enricher, refuses: Callable[[Post], bool] = lambda _: False, sampled_share: float = 0.0
    ) -> None:
        self._enricher, self._refuses, self._sampled_share = enricher, refuses, sampled_share
        # The model is not for two threads at once, and the event loop must stay free for Kafka's heartbeats.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="enrich")

    async def __call__(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        with metrics.ENRICH_SECONDS.time():
            decoded = [self._decode(record) for record in records]
            posts = [event for event in decoded if isinstance(event, Post)]
            gated = frozenset(
                event.post_id
                for record, event in zip(records, decoded, strict=True)
                if isinstance(event, Post) and record.header(GATE)
            )
            loop = asyncio.get_running_loop()
            enriched = iter(await loop.run_in_executor(self._thread, self._enrich, posts, gated))
            results = [next(enriched) if isinstance(event, Post) else event for event in decoded]
            metrics.LAST_PROGRESS.set_to_current_time()
            return [self._outgoing(record, result) for record, result in zip(records, results, strict=True)]

    def _decode(self, record: Record) -> Post | PostDeleted | EnrichmentFailure:
        try:
            event: Post | PostDeleted = record.decode(Post, PostDeleted, default=Post)
        except StormpetrelError as error:
            return EnrichmentFailure(str(error))
        if record.key and record.key != event.post_id.encode():
            # By its key a post's events keep their order, and by its key a post is counted.
            return EnrichmentFailure(
                f"its key is {record.key[:80]!r}, and the post's id {event.post_id!r}: send it under its id"
            )
        if isinstance(event, Post) and self._refuses(event):
            event = PostDeleted(post_id=event.post_id, source=event.source, deleted_at=now())
        if isinstance(event, PostDeleted):
            self._enricher.window.forget(event.post_id)
        return event

    def _enrich(self, posts: Sequence[Post], gated: frozenset[str]) -> list[Enriched]:
        """A fault that the enricher did not expect is the fault of one post: the batch is halved until it is found."""
        try:
            return self._enricher.enrich(posts, gated)
        except Exception as error:
            log.exception("a fault of ours, or of a post", first=posts[0].post_id)
            if len(posts) == 1:
                self._enricher.window.forget(posts[0].post_id)
                return [EnrichmentFailure(f"{type(error).__name__}: {error}")]
        middle = len(posts) // 2
        return self._enrich(posts[:middle], gated) + self._enrich(posts[middle:], gated)

    def _outgoing(self, record: Record, result: Enriched | PostDeleted) -> OutgoingRecord:
        if isinstance(result, Irrelevant):
            return _dropped(record, result, is_sampled(result.post.post_id, self._sampled_share))
        return _outgoing(record, result)


def _dropped(record: Record, result: Irrelevant, with_text: bool) -> OutgoingRecord:
    """Every dropped post is on the log, so that none that is missing from the stores is missing without a reason."""
    metrics.POSTS_DROPPED.labels(result.post.source, "irrelevant").inc()
    metrics.POSTS_ENRICHED.labels("dropped").inc()
    bare = PostDropped(post_id=result.post.post_id, reason="irrelevant", score=result.score, dropped_at=now())
    with suppress(RecordTooLarge):  # then it is told without its text
        event = bare.model_copy(update={"post": result.post}) if with_text else bare
        return record_of_event(POSTS_DROPPED, event.post_id, event, record.header("trace")).checked()
    return record_of_event(POSTS_DROPPED, bare.post_id, bare, record.header("trace"))


def _outgoing(record: Record, result: EnrichedPost | PostDeleted | EnrichmentFailure) -> OutgoingRecord:
    if not isinstance(result, EnrichmentFailure):
        post_id = result.post.post_id if isinstance(result, EnrichedPost) else result.post_id
        try:
            outgoing = record_of_event(POSTS_ENRICHED, post_id, result, record.header("trace")).checked()
        except RecordTooLarge as error:
            result = EnrichmentFailure(f"enriched, it is too large: {error}")
        else:
            metrics.POSTS_ENRICHED.labels(_outcome(result)).inc()
            return outgoing
    metrics.POSTS_ENRICHED.labels("dead").inc()
    log.warning("post goes to the dead letters", provenance=record.provenance, reason=result.reason)
    return dead_letter_of(record, result.reason, STAGE)


def _outcome(result: EnrichedPost | PostDeleted) -> str:
    if isinstance(result, PostDeleted):
        return "deleted"
    return "near_duplicate" if result.duplicate_of else "original"
