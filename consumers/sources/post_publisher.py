"""The last step of every source: a raw record becomes events on `posts.raw`, or a dead letter; never nothing."""

from __future__ import annotations

from collections import Counter

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import encode
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.kafka import Publisher, dead_letter_headers
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.process.metrics import POSTS_TAKEN


class PostPublisher:
    """Counts what it did: `published`, `passed` (no post in the record) and `dead`."""

    def __init__(self, publisher: Publisher, source: str) -> None:
        self._publisher, self._source = publisher, source
        self.counts: Counter[str] = Counter()

    def take(self, raw: bytes, origin: str) -> None:
        """Publishes the posts of one record. `origin` says where it came from, for the dead letters."""
        try:
            found = read(raw, now())
        except MalformedRecord as error:
            headers = dead_letter_headers(str(error), f"source {self._source}", origin)
            self._publisher.dead_letter(POSTS_RAW.name, raw, headers)
            self._count("dead")
            return
        if isinstance(found, Skipped):
            self._count("passed")
            return
        for event in found:
            self._publisher.publish(POSTS_RAW.name, event.post_id, event, encode(event))
            self._count("published")

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise."""
        self._publisher.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        POSTS_TAKEN.labels(self._source, outcome).inc()
