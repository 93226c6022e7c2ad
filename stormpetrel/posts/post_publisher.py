"""The last step of every source of posts: a raw record becomes events on `posts.raw` (or `posts.backfill`), or a dead
letter."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import structlog

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, StoreUnavailable
from stormpetrel.core.events import Post, PostEvent
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import POSTS_RAW, Topic
from stormpetrel.posts.gate.words import BY_WORDS
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.process.metrics import POSTS_TAKEN

log = structlog.get_logger()


class Gate(Protocol):
    """What decides which posts are of use."""

    def lets_through(self, post: Post) -> bool:
        """Whether the post is published; where not, the gate says so where that is told."""


class Recent(Protocol):
    """The events that were published last."""

    def is_repeat(self, event: PostEvent) -> bool:
        """Whether the event was seen before; if not, it counts as queued from now on."""

    def confirm(self) -> None:
        """The broker holds what is queued."""

    def forget_queued(self) -> None:
        """What is queued may not have come to the broker."""


class PostPublisher:
    """`counts` says what became of the records: `published`, `passed` (no post in it), `dead`, and with a `gate` or
    `recent` events `dropped` and `repeated`. Posts leave here without their authors' ids."""

    def __init__(
        self,
        producer: EventProducer,
        source: str,
        topic: Topic = POSTS_RAW,
        gate: Gate | None = None,
        recent: Recent | None = None,
        *,
        pseudonyms: Pseudonyms,
    ) -> None:
        self._producer, self._source, self._topic, self._pseudonyms = producer, source, topic, pseudonyms
        self._gate, self._recent = gate, recent
        self.counts: Counter[str] = Counter()

    def take(self, raw: bytes, provenance: str) -> None:
        """Publishes the posts of one record. `provenance` says where it came from, for the dead letters."""
        try:
            events = read(raw, now())
            if isinstance(events, Skipped):
                self._count("passed")
                return
            for event in events:
                self.publish(event)
        except MalformedRecord as error:
            self._give_up(raw, str(error), provenance)
        except StoreUnavailable:
            raise
        except Exception as error:  # a source would read the record again after each start, and end each time
            log.exception("a record met a fault of ours", source=self._source, provenance=provenance)
            self._give_up(raw, f"a fault of ours: {type(error).__name__}: {error}", provenance)

    def _give_up(self, raw: bytes, reason: str, provenance: str) -> None:
        self._producer.dead_letter(self._topic, raw, reason, f"source {self._source}", provenance)
        self._count("dead")

    def publish(self, event: PostEvent) -> None:
        """Queues one event under its author's name. Raises RecordTooLarge."""
        self._count(self._outcome(self._pseudonyms.of(event)))

    def _outcome(self, event: PostEvent) -> str:
        gate = None
        if self._gate is not None and isinstance(event, Post):
            if not self._gate.lets_through(event):
                return "dropped"
            gate = BY_WORDS
        if self._recent is not None and self._recent.is_repeat(event):
            return "repeated"
        self._producer.publish(self._topic, event.post_id, event, gate=gate)
        return "published"

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise: then it is to be read again."""
        try:
            self._producer.flush()
        except StoreUnavailable:
            if self._recent is not None:
                self._recent.forget_queued()
            raise
        if self._recent is not None:
            self._recent.confirm()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        POSTS_TAKEN.labels(self._source, outcome).inc()
