"""Deletes posts from both stores when their time is over: the part of the index consumer that looks after retention.

One process of the group does it, the one that has the first partition of the enriched posts. It also closes the files
of compacted topics on which nothing happens, so that what was forgotten leaves them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from stormpetrel.core.clock import milliseconds, now
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import DocumentStore, DocumentWriter, Filter, OrderQuery, VectorReader, VectorWriter
from stormpetrel.core.privacy_settings import Retention
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import FORGOTTEN, POSTS_ENRICHED, all_topics
from stormpetrel.forgetting import KeptPhotos, close_files
from stormpetrel.log.admin import topic_as_set
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.process.metrics import POSTS_INDEXED
from stormpetrel.store_bootstrap import photo_collection, post_collection
from stormpetrel.stores.photo_objects import PhotoObjects
from stormpetrel.stores.qdrant import QdrantIndex

log = structlog.get_logger()
PAGE = 1000  # posts
TURN = (POSTS_ENRICHED.name, 0)


class PostRetention:
    """Deletes from both stores what came in more than `posts_days` ago, with its photos."""

    def __init__(
        self,
        settings: Retention,
        documents: DocumentWriter,
        reader: VectorReader,
        writer: VectorWriter,
        collection: str,
        photos: KeptPhotos,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._settings, self._documents, self._photos, self._clock = settings, documents, photos, clock
        self._reader, self._writer, self._collection = reader, writer, collection

    def sweep(self) -> int:
        """How many posts were deleted. Raises StoreUnavailable."""
        if self._settings.posts_days is None:
            return 0
        until = milliseconds(self._clock() - timedelta(days=self._settings.posts_days))
        over = OrderQuery("ingested_at", "asc", filter=Filter(ranges={"ingested_at": (None, until)}), limit=PAGE)
        count = 0
        while ids := [str(hit.payload["id"]) for hit in self._reader.query(self._collection, [over])[0]]:
            # The point is the last: by it the next sweep finds what is left.
            self._photos.expire(ids)
            self._documents.delete("posts", ids)
            self._writer.delete(self._collection, ids)
            count += len(ids)
        POSTS_INDEXED.labels("expired").inc(count)
        return count


class RetentionThread:
    """Sweeps while `is_turn` says that it is this process's, in a thread of its own. `close_files` is called after each
    sweep."""

    def __init__(
        self, retention: PostRetention, every_s: float, is_turn: Callable[[], bool], close_files: Callable[[], object]
    ) -> None:
        self._retention, self._every_s, self._is_turn, self._close_files = retention, every_s, is_turn, close_files

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="retention").start()

    def _run(self) -> None:
        ended = threading.Event()
        while not ended.wait(self._every_s):
            self.take_turn()

    def take_turn(self) -> None:
        """Nothing that fails ends the thread: what was not deleted is deleted the next time."""
        if not self._is_turn():
            return
        try:
            if count := self._retention.sweep():
                log.info("posts are over their time", deleted=count)
            self._close_files()
        except StoreUnavailable as error:
            log.warning("retention waits for a store or the broker", error=str(error))
        except Exception:
            log.exception("retention failed; it is tried again")


def start_retention(
    settings: Settings,
    documents: DocumentStore,
    vectors: QdrantIndex,
    assigned: Callable[[], Sequence[tuple[str, int]]],
) -> None:
    """Sweeps until the process ends; `assigned` are the partitions that it has now. Raises SetupError where photos
    cannot be reached."""
    posts, pictures = post_collection(settings).name, PhotoObjects.of(settings.photos)
    photos = KeptPhotos(documents, vectors, pictures, posts, photo_collection(settings).name)
    retention = PostRetention(settings.retention, documents, vectors, vectors, posts, photos)
    reader, producer = KafkaTopicReader(settings.kafka), KafkaProducer(settings.kafka)
    topics = [topic_as_set(settings.kafka, topic) for topic in all_topics()]

    def close() -> None:
        if any(reader.end_offsets(FORGOTTEN).values()):  # without it nothing has to leave
            close_files(topics, reader, producer, now())

    RetentionThread(retention, settings.retention.sweep_every_s, lambda: TURN in assigned(), close).start()
