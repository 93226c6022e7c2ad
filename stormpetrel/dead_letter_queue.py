"""What operators do with dead letters: list them with their reasons, send them through again, purge them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from stormpetrel.core.clock import milliseconds, now
from stormpetrel.core.errors import NotFound, StormpetrelError
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import LIVE_TOPICS, POSTS_BACKFILL, POSTS_RAW, PRODUCTS_ANNOUNCED, Topic
from stormpetrel.imagery.catalogue.notice import notice
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.log import DeadLetter, TopicReader, read_dead_letters
from stormpetrel.log.dead_letters import CUT
from stormpetrel.log.deletion import delete_records
from stormpetrel.log.producer import KafkaProducer, RecordProducer
from stormpetrel.log.topic_reader import KafkaTopicReader, Offsets
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.posts.pseudonyms import Pseudonyms

LONGEST_SHOWN = 2000  # characters of a record's value
SOURCE = "dead letters"


class DeadLetterQueue:
    """The dead letters of every topic. `delete` removes the records of a topic before an offset of each partition;
    `pseudonyms` name the authors of what a source could not read before."""

    def __init__(
        self,
        reader: TopicReader,
        producer: RecordProducer,
        delete: Callable[[Topic, Offsets], None],
        pseudonyms: Callable[[], Pseudonyms],
    ) -> None:
        self._reader, self._producer, self._delete, self._pseudonyms = reader, producer, delete, pseudonyms

    @classmethod
    def on_broker(cls, kafka: Kafka, pseudonyms: Callable[[], Pseudonyms]) -> DeadLetterQueue:
        """The queue of the configured broker."""
        return cls(KafkaTopicReader(kafka), KafkaProducer(kafka), partial(delete_records, kafka), pseudonyms)

    def counts(self) -> dict[str, int]:
        """How many dead letters each topic has."""
        return {topic.name: self.count(topic.name) for topic in LIVE_TOPICS}

    def count(self, topic: str) -> int:
        """How many dead letters a topic has. Raises NotFound where there is no such topic."""
        return self._reader.count(topic_named(topic).dead())

    def newest(self, topic: str, limit: int) -> list[dict[str, Any]]:
        """The newest dead letters of a topic, the newest first. Raises NotFound where there is no such topic."""
        letters = list(read_dead_letters(self._reader, topic_named(topic), tail=limit))
        letters.sort(key=lambda letter: letter.record.timestamp_ms, reverse=True)
        return [_shown(letter) for letter in letters[:limit]]

    def replay(self, topic: str, purge: bool = False) -> tuple[int, int]:
        """Sends the dead letters of a topic through again: how many were sent, and how many were cut and stay.

        What a source could not read goes through its normaliser; what fails again becomes a dead letter again. `purge`
        deletes what was sent, in each partition up to the first letter that stays.
        """
        live, sent = topic_named(topic), 0
        ends: dict[int, int] = {}
        cut: Counter[int] = Counter()  # by partition
        products = ProductPublisher(self._producer, SOURCE)
        for letter in read_dead_letters(self._reader, live):
            if letter.is_cut:
                cut[letter.record.partition] += 1
                continue
            if letter.stage.startswith("source") and live in (POSTS_RAW, POSTS_BACKFILL):
                self._replay_payload(letter, live)
            elif letter.stage.startswith("source") and live is PRODUCTS_ANNOUNCED:
                products.take(letter.record.value, notice, letter.provenance)
            else:
                self._producer.send(letter.revived(live))
            sent += 1
            if not cut[letter.record.partition]:
                ends[letter.record.partition] = letter.record.offset + 1
        # Only when the broker holds everything that was sent may the letters go.
        self._producer.flush()
        if purge and ends:
            self._delete(live.dead(), ends)
        return sent, cut.total()

    def purge(self, topic: str, before: datetime | None = None) -> int:
        """Deletes the dead letters of a topic that are older than `before` (default: all that there are now), and
        returns how many. A partition keeps everything from its first younger letter on."""
        dead, purged = topic_named(topic).dead(), 0
        youngest = milliseconds(before) if before else None
        ends: dict[int, int] = {}
        kept: set[int] = set()
        for record in self._reader.read(dead):
            if youngest is not None and record.timestamp_ms >= youngest:
                kept.add(record.partition)
            if record.partition not in kept:
                ends[record.partition] = record.offset + 1
                purged += 1
        if ends:
            self._delete(dead, ends)
        return purged

    def _replay_payload(self, letter: DeadLetter, live: Topic) -> None:
        """A network's own form, through its normaliser once more."""
        raw = letter.record.value
        try:
            events = read(raw, now())
        except StormpetrelError as error:
            self._producer.dead_letter(live, raw, str(error), f"source {SOURCE}", letter.provenance)
            return
        for event in map(self._pseudonyms().of, () if isinstance(events, Skipped) else events):
            self._producer.publish(live, event.post_id, event)


def topic_named(name: str) -> Topic:
    """Raises NotFound where no live topic has this name."""
    topics = {topic.name: topic for topic in LIVE_TOPICS}
    if name not in topics:
        raise NotFound(f"no topic is called {name!r}; there are: {', '.join(topics)}")
    return topics[name]


def _shown(letter: DeadLetter) -> dict[str, Any]:
    record = letter.record
    return {
        "partition": record.partition,
        "offset": record.offset,
        "at_ms": record.timestamp_ms,
        "stage": letter.stage,
        "provenance": letter.provenance,
        "reason": letter.reason,
        "key": (record.key or b"").decode(errors="replace"),
        "bytes": int(record.header(CUT[0]) or len(record.value)),
        "is_cut": letter.is_cut,
        "raw": record.value[: 4 * LONGEST_SHOWN].decode(errors="replace")[:LONGEST_SHOWN],
    }
