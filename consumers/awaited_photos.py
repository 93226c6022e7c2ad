"""photos.awaited: photos that did not come are tried again, ever less often, until they come or are given up.

A record is finished when all of its photos have come, when they are given up, or when the post was deleted. Offsets
move up to the first record that is not finished: after a restart the ones behind it come again, which is harmless. When
a try is due follows from the time of the record alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from consumers.photo_reader import PhotoReader, WantedPhoto
from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable, StormpetrelError
from stormpetrel.core.events import Photo, PhotosAwaited, PhotosDescribed, PostDeleted
from stormpetrel.core.ports import PhotoStore
from stormpetrel.core.topics import PHOTOS_AWAITED, POSTS_PHOTOS
from stormpetrel.log import Record, dead_letter_of, record_of_event
from stormpetrel.log.batch_consumer import RecordConsumer
from stormpetrel.log.producer import RecordProducer
from stormpetrel.posts.photos.description import joined
from stormpetrel.posts.photos.retries import next_try_s
from stormpetrel.process.metrics import PHOTOS_WAITING

log = structlog.get_logger()
STAGE = "photos"
MOST_HELD = 20_000  # posts; those behind them wait on the log
READ_AT_ONCE = 8  # posts; new ones wait meanwhile


@dataclass
class Held:
    """A record whose photos are awaited, and when they are tried next, in seconds since 1970."""

    record: Record
    event: PhotosAwaited
    due_s: float


class AwaitedPhotos:
    """Tries photos again. For one thread, which calls `take` again and again."""

    def __init__(
        self,
        consumer: RecordConsumer,
        reader: PhotoReader,
        store: PhotoStore,
        producer: RecordProducer,
        give_up_after_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._consumer, self._reader, self._store, self._producer = consumer, reader, store, producer
        self._give_up_after_s, self._clock = give_up_after_s, clock
        self._taken: deque[Record] = deque()  # from the log, and not looked at yet
        self._held: dict[str, Held] = {}  # by post: of two records the later one counts
        self._last: dict[int, Record] = {}  # of each partition, the last that was taken
        self._committed: dict[int, int] = {}

    def subscribe(self) -> None:
        """Becomes a member of the group."""
        self._consumer.subscribe([PHOTOS_AWAITED.name], self._begin)

    def take(self) -> None:
        """Takes what has come, and tries what is due."""
        try:
            if len(self._held) < MOST_HELD:
                self._taken.extend(self._consumer.consume(500, 0.0))
            else:
                self._consumer.pause(0.01)
            while self._taken:
                self._hold(self._taken[0])
                self._taken.popleft()
            self._try_due()
            self._producer.flush()
        except StoreUnavailable as error:
            # What is held stays held, and nothing was committed: it is tried with the next call.
            log.warning("awaited photos wait for a store or the broker", reason=str(error))
            return
        self._commit()
        PHOTOS_WAITING.set(len(self._held))

    def _begin(self) -> None:
        """The partitions are dealt anew: all that is not finished comes again, to whoever has its partition now."""
        self._taken.clear()
        self._held.clear()
        self._last.clear()
        self._committed.clear()

    def _hold(self, record: Record) -> None:
        try:
            event = record.decode(PhotosAwaited, PostDeleted)
        except StormpetrelError as error:
            self._producer.send(dead_letter_of(record, str(error), STAGE))
        else:
            if isinstance(event, PostDeleted):
                self._held.pop(event.post_id, None)
                self._store.forget(event.post_id)  # a try may have kept one since the post's own record was read
            else:
                self._held[event.post_id] = Held(record, event, self._next_try(record) or self._clock())
        self._last[record.partition] = record

    def _next_try(self, record: Record) -> float | None:
        """When, in seconds since 1970; None where the record's time is over."""
        written_s = record.timestamp_ms / 1000
        seconds = next_try_s(max(0.0, self._clock() - written_s), self._give_up_after_s)
        return None if seconds is None else written_s + seconds

    def _try_due(self) -> None:
        moment = self._clock()
        due = sorted((each for each in self._held.values() if each.due_s <= moment), key=lambda each: each.due_s)
        for held in due[:READ_AT_ONCE]:
            self._try(held)

    def _try(self, held: Held) -> None:
        described, next_try = held.event.described, self._next_try(held.record)
        wanted = [WantedPhoto(described.post_id, described.posted_at, photo) for photo in held.event.awaited]
        photos = self._reader.read(wanted)
        if next_try is None:
            photos = [photo.model_copy(update={"awaited": False}) for photo in photos]
        tried, left = {photo.position for photo in photos}, {photo.position for photo in photos if photo.awaited}
        others = [photo for photo in described.photos if photo.position not in tried]
        known = joined(described.photos, [*others, *photos])
        described = described.model_copy(update={"photos": known, "described_at": now()})
        if left != tried:
            self._tell(described, held.record)
        if left and next_try is not None:
            awaited = tuple(photo for photo in held.event.awaited if photo.position in left)
            held.event, held.due_s = PhotosAwaited(described=described, awaited=awaited), next_try
            return
        del self._held[described.post_id]
        missing = [photo for photo in photos if not photo.hash]
        if next_try is None and missing:
            self._give_up(held.record, missing)

    def _tell(self, described: PhotosDescribed, record: Record) -> None:
        self._producer.send(record_of_event(POSTS_PHOTOS, described.post_id, described, record.header("trace")))

    def _give_up(self, record: Record, missing: Sequence[Photo]) -> None:
        hours = self._give_up_after_s / 3600
        reason = f"{len(missing)} photos did not come within {hours:g} h: {missing[0].problem}"
        log.warning("photos are given up", post=(record.key or b"").decode(errors="replace"), reason=reason)
        self._producer.send(dead_letter_of(record, reason, STAGE))

    def _commit(self) -> None:
        """Up to the first record of each partition that is not finished."""
        first_held: dict[int, int] = {}
        for held in self._held.values():
            partition, offset = held.record.position
            first_held[partition] = min(offset, first_held.get(partition, offset))
        for partition, last in self._last.items():
            finished = first_held.get(partition, last.offset + 1) - 1
            if finished > self._committed.get(partition, -1) and finished >= 0:
                self._consumer.commit([replace(last, offset=finished)])
                self._committed[partition] = finished
