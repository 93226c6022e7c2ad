"""The load of a chaos run: posts, later versions and deletions of posts, and poison, each until it is acknowledged."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import httpx
from confluent_kafka import KafkaError, Message, Producer

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import Post, PostDeleted
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log import OutgoingRecord, record_of_event
from stormpetrel.log.producer import KafkaProducer
from tests.chaos.poison import Poison, poison_records
from tests.chaos.repeated_work import RepeatedWork

BATCH_S = 0.5
LATER_VERSIONS, DELETIONS = 0.15, 0.03  # of the posts
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class Load:
    """Publishes from `start` until `stop`. `expected` says of every acknowledged post id its newest text, or None where
    it was deleted, `markers` of those that a run sends itself; `poison` holds what was acknowledged, by its place on
    the log."""

    def __init__(self, kafka: Kafka, seed: int, posts_per_s: float, poison_share: float) -> None:
        self._producer, self._random = KafkaProducer(kafka), random.Random(seed)
        # Poison comes from strangers: our own producer would refuse some of it.
        self._strangers = Producer(
            {"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random", "log_level": 0}
        )
        self._due = 0.0  # posts
        self._posts_per_s, self._poison_share = posts_per_s, poison_share
        self.expected: dict[str, str | None] = {}
        self.markers: dict[str, str | None] = {}
        self.poison: dict[str, Poison] = {}
        self.counts: Counter[str] = Counter()
        self._poison = itertools.chain.from_iterable(self._shuffled_poison(number) for number in itertools.count())
        self._prefix = f"file:chaos-{seed}"
        self._work = RepeatedWork("posts", BATCH_S, self._publish_due)
        self.start = self._work.start

    def stop(self) -> None:
        """Returns when everything that was sent is acknowledged."""
        self._work.stop()
        self._strangers.flush(60)

    def publish_marker(self, name: str) -> str:
        """One post more, from another thread; its id."""
        post_id = f"{self._prefix}-marker-{name}"
        self._deliver([self._record(post_id, f"marker {name}")])
        self.markers[post_id] = f"marker {name}"
        return post_id

    def _publish_due(self) -> None:
        self._due += self._posts_per_s * BATCH_S
        self._publish([self._next_post() for _ in range(int(self._due))])
        self._due -= int(self._due)

    def _publish(self, posts: list[tuple[str, str | None]]) -> None:
        """Publishes the newest state of each post, in order, and the poison that is due."""
        self._deliver([self._record(*post) for post in posts])
        self.expected.update(posts)
        self.counts["posts"] += len(posts)
        for poison in [next(self._poison) for _ in posts if self._random.random() < self._poison_share]:
            record = poison.record
            self._strangers.produce(
                record.topic,
                record.value,
                record.key,
                headers=list(record.headers.items()),
                on_delivery=partial(self._note_poison, poison),
            )
        self._strangers.poll(0)

    def _note_poison(self, poison: Poison, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.poison[f"{message.topic()}/{message.partition()}/{message.offset()}"] = poison
            self.counts["poison"] += 1

    def _deliver(self, records: list[OutgoingRecord]) -> None:
        self.counts["sent_again"] += deliver_until_acknowledged(self._producer, records)

    def _next_post(self) -> tuple[str, str | None]:
        chance = self._random.random()
        if self.expected and chance < DELETIONS + LATER_VERSIONS:
            post_id = self._random.choice(list(self.expected)[-500:])
            return post_id, None if chance < DELETIONS else self._text("later")
        self.counts["ids"] += 1
        return f"{self._prefix}-{self.counts['ids']}", self._text("first")

    def _text(self, version: str) -> str:
        words = ("".join(self._random.choices("aeioubcdlmnrst", k=6)) for _ in range(4))
        return f"{version} report {self._random.randrange(10**9)}: {' '.join(words)}"

    def _record(self, post_id: str, text: str | None) -> OutgoingRecord:
        now = datetime.now(UTC)
        if text is None:
            return record_of_event(POSTS_RAW, post_id, PostDeleted(post_id=post_id, source="file", deleted_at=now))
        post = Post(post_id=post_id, source="file", text=text, created_at=CREATED, ingested_at=now)
        return record_of_event(POSTS_RAW, post_id, post)

    def _shuffled_poison(self, number: int) -> list[Poison]:
        kinds = list(poison_records(number))
        self._random.shuffle(kinds)
        return kinds


def deliver_until_acknowledged(producer: KafkaProducer, records: list[OutgoingRecord]) -> int:
    """As a source does it: what the broker has not acknowledged is sent again, in the same order. Returns how many
    records were sent again."""
    again = 0
    while True:
        try:
            producer.deliver(records)
            return again
        except StoreUnavailable:
            again += len(records)
            time.sleep(0.5)


class Searches:
    """Asks the API once a second, as people do, and counts what it answers: `outcomes`, by status or kind of error."""

    def __init__(self, search: Callable[[], int]) -> None:
        self._search = search
        self.outcomes: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="searches", daemon=True)

    def __enter__(self) -> Searches:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                self.outcomes[str(self._search())] += 1
            except httpx.HTTPError:
                self.outcomes["no answer"] += 1
