"""The last step of every source of posts: a raw record becomes events on `posts.raw` (or `posts.backfill`), or a dead
letter."""

from __future__ import annotations

from collections import Counter

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import POSTS_RAW, Topic
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.process.metrics import POSTS_TAKEN


class PostPublisher:
    """`counts` says what became of the records: `published`, `passed` (no post in it) and `dead`. Posts leave here
    without their authors' ids."""

    def __init__(
        self, producer: EventProducer, source: str, topic: Topic = POSTS_RAW, *, pseudonyms: Pseudonyms
    ) -> None:
        self._producer, self._source, self._topic, self._pseudonyms = producer, source, topic, pseudonyms
        self.counts: Counter[str] = Counter()

    def take(self, raw: bytes, provenance: str) -> None:
        """Publishes the posts of one record. `provenance` says where it came from, for the dead letters."""
        try:
            events = read(raw, now())
            if isinstance(events, Skipped):
                self._count("passed")
                return
            for event in map(self._pseudonyms.of, events):
                self._producer.publish(self._topic, event.post_id, event)
                self._count("published")
        except MalformedRecord as error:
            self._producer.dead_letter(self._topic, raw, str(error), f"source {self._source}", provenance)
            self._count("dead")

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise."""
        self._producer.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        POSTS_TAKEN.labels(self._source, outcome).inc()
