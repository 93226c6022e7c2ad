"""posts.enriched -> MongoDB and Qdrant: bulk, idempotent upserts; offsets move only after both are written."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from consumers.views import document_of, located, milliseconds, point_of
from stormpetrel.assembly import Makers, makers_of, open_index, posts_of
from stormpetrel.errors import MalformedRecord, StoreUnavailable, StormpetrelError
from stormpetrel.events import EnrichedPost, PostDeleted, decode
from stormpetrel.health import (
    INDEX_SECONDS,
    LAST_PROGRESS,
    POSTS_INDEXED,
    Readiness,
    serve_probes,
    set_up_log,
)
from stormpetrel.ports import DocumentStore, VectorIndex
from stormpetrel.settings import Settings
from stormpetrel.stores.kafka import QUIET, Publisher, dead_letter_headers
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.topics import POSTS_ENRICHED

log = structlog.get_logger()
STAGE = "index"
RETRY_S = (0.5, 1, 2, 5)  # then every 5 s: a store that is down is waited for, never skipped


@dataclass
class Batch:
    """What one read of the log comes to: the newest state of each post, and what cannot be read."""

    posts: dict[str, EnrichedPost] = field(default_factory=dict)
    deleted: dict[str, PostDeleted] = field(default_factory=dict)
    dead: list[tuple[Any, str]] = field(default_factory=list)


def sort_out(messages: Sequence[Any], makers: Makers) -> Batch:
    """Decodes the messages in order: a later event of a post takes the place of an earlier one."""
    batch = Batch()
    for message in messages:
        schema = dict(message.headers() or []).get("schema", EnrichedPost.name().encode()).decode(errors="replace")
        try:
            event = decode(message.value() or b"", EnrichedPost, PostDeleted, schema=schema)
            if isinstance(event, PostDeleted):
                batch.posts.pop(event.post_id, None)
                batch.deleted[event.post_id] = event
                continue
            if event.text_vector and not makers.text.made(event.text_vector):
                raise MalformedRecord(
                    f"its vector is of {event.text_vector.model} ({event.text_vector.dimensions} values), this index "
                    f"of {makers.text}; send the post through the enrich worker again"
                )
            if event.visual_vector and not makers.visual.made(event.visual_vector):
                # The post can still be found by all its other modalities.
                log.warning("a photo's vector is of another model; left out", model=event.visual_vector.model)
                event = event.model_copy(update={"visual_vector": None})
        except StormpetrelError as error:
            batch.dead.append((message, str(error)))
        else:
            batch.deleted.pop(event.post.post_id, None)
            batch.posts[event.post.post_id] = event
    return batch


class Indexer:
    """Writes batches to both stores and keeps the record of how fresh each modality is."""

    def __init__(self, documents: DocumentStore, vectors: VectorIndex, collection: str) -> None:
        self._documents, self._vectors, self._collection = documents, vectors, collection

    def write(self, batch: Batch) -> None:
        """Both stores hold the batch when this returns. Raises StoreUnavailable; writing again is harmless."""
        events, indexed_at = list(batch.posts.values()), int(time.time() * 1000)
        # Documents first: what a query finds in the index must have its document.
        self._documents.upsert("posts", [document_of(event) for event in events])
        self._vectors.upsert(self._collection, [point_of(event, indexed_at) for event in events])
        if batch.deleted:
            self._vectors.delete(self._collection, list(batch.deleted))
            self._documents.delete("posts", list(batch.deleted))
        self._note_freshness(events)

    def _note_freshness(self, events: Sequence[EnrichedPost]) -> None:
        """The newest moments that each modality has seen. Only ever moves on: a replay does not age it."""
        carried = {
            "text": [event for event in events if event.text_vector],
            "lexical": [event for event in events if event.terms],
            "visual": [event for event in events if event.visual_vector],
            "concepts": [event for event in events if event.concepts],
            "space": [event for event in events if located(event)],
            "time": list(events),
        }
        known = self._documents.get("freshness", list(carried))
        changed = []
        for modality, having in carried.items():
            if having:
                newest = {
                    "event_time": max(milliseconds(event.post.created_at) for event in having),
                    "ingested_at": max(milliseconds(event.post.ingested_at) for event in having),
                }
                before = known.get(modality, {})
                changed.append(
                    {
                        "_id": modality,
                        **{name: max(value, before.get(name, value)) for name, value in newest.items()},
                    }
                )
        self._documents.upsert("freshness", changed)


class IndexConsumer:
    """The consumer loop: read, write, bury, commit; in that order and no other."""

    def __init__(self, settings: Settings, indexer: Indexer, makers: Makers, readiness: Readiness) -> None:
        self._indexer, self._makers, self._readiness = indexer, makers, readiness
        self._settings = settings
        self._stopping = False
        self._publisher = Publisher(settings.kafka.bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka.bootstrap,
                "group.id": f"{settings.kafka.group_prefix}-index",
                "auto.offset.reset": "earliest",
                # Offsets are committed by hand, after both stores hold the batch.
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 2000,
                # A store may be down for long; the group must not take that for a dead consumer.
                "max.poll.interval.ms": 600_000,
                "partition.assignment.strategy": "cooperative-sticky",
                **QUIET,
            }
        )

    def stop(self, *_: Any) -> None:
        self._stopping = True

    def run(self) -> None:
        """Until `stop` is called; the batch in work is finished and committed first."""
        self._consumer.subscribe([POSTS_ENRICHED.name], on_assign=lambda *_: self._readiness.ready())
        try:
            while not self._stopping:
                self._readiness.beat()
                messages = self._read()
                if messages:
                    self._work(messages)
        finally:
            self._consumer.close()

    def _read(self) -> list[Any]:
        found = self._consumer.consume(self._settings.index.batch, timeout=self._settings.index.batch_within_s)
        good = []
        for message in found:
            error = message.error()
            if error is None:
                good.append(message)
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):
                log.warning("Kafka", error=error.str())
        return good

    def _work(self, messages: Sequence[Any]) -> None:
        started = time.perf_counter()
        batch = sort_out(messages, self._makers)
        if not self._write_until_done(batch):
            return  # stopping with a store down: nothing is committed, the batch comes again
        for message, reason in batch.dead:
            origin = f"{message.topic()}/{message.partition()}/{message.offset()}"
            log.warning("record goes to the dead letters", origin=origin, reason=reason)
            headers = dead_letter_headers(reason, STAGE, origin, kept=dict(message.headers() or []))
            self._publisher.dead_letter(POSTS_ENRICHED.name, message.value() or b"", headers, message.key())
        self._publisher.flush()
        # Only now: both stores hold the batch and Kafka holds its dead letters.
        self._consumer.commit(offsets=_next_offsets(messages), asynchronous=False)
        POSTS_INDEXED.labels("written").inc(len(batch.posts))
        POSTS_INDEXED.labels("deleted").inc(len(batch.deleted))
        POSTS_INDEXED.labels("dead").inc(len(batch.dead))
        INDEX_SECONDS.observe(time.perf_counter() - started)
        LAST_PROGRESS.set_to_current_time()

    def _write_until_done(self, batch: Batch) -> bool:
        attempt = 0
        while True:
            try:
                self._indexer.write(batch)
            except StoreUnavailable as error:
                wait = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                attempt += 1
                self._readiness.waits_for(f"a store: {error}")
                log.warning("a store does not take the batch; trying again", wait_s=wait, error=str(error))
                if not self._sleep(wait):
                    return False
            else:
                self._readiness.ready()
                return True

    def _sleep(self, seconds: float) -> bool:
        """False as soon as the process is told to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._stopping:
                return False
            self._readiness.beat()
            time.sleep(0.1)
        return True


def _next_offsets(messages: Sequence[Any]) -> list[TopicPartition]:
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        place = (message.topic(), message.partition())
        last[place] = max(last.get(place, -1), message.offset())
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]


def run(settings: Settings) -> None:
    """Runs the index consumer until SIGTERM or SIGINT."""
    set_up_log("index")
    readiness = Readiness("the stores and the broker")
    serve_probes(settings.index.probe_port, readiness, settings.probe_host)
    documents = MongoStore(settings.mongo.url, settings.mongo.database)
    vectors, collection = open_index(settings), posts_of(settings)
    vectors.migrate(collection)
    indexer = Indexer(documents, vectors, collection.name)
    consumer = IndexConsumer(settings, indexer, makers_of(settings), readiness)
    signal.signal(signal.SIGTERM, consumer.stop)
    signal.signal(signal.SIGINT, consumer.stop)
    log.info("index consumer is set up", collection=collection.name)
    consumer.run()
