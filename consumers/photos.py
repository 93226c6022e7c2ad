"""posts.enriched -> posts.photos: fetches the photos of posts, describes and keeps them, beside the way of the posts.

Photos that do not come go to `photos.awaited`, and are tried again by `consumers/awaited_photos.py` in the same
process. At least once: a photo is kept under its hash, and its event is written by the post's id.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from itertools import islice

import structlog

from consumers.awaited_photos import AwaitedPhotos
from consumers.photo_reader import PhotoReader, WantedPhoto
from stormpetrel.bootstrap import open_visual_model
from stormpetrel.connections import AllowedHosts, BoundedGet
from stormpetrel.core.clock import now
from stormpetrel.core.errors import ModelUnavailable, StormpetrelError
from stormpetrel.core.events import AwaitedPhoto, EnrichedPost, Photo, PhotosAwaited, PhotosDescribed, PostDeleted
from stormpetrel.core.ports import PhotoStore
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import PHOTOS_AWAITED, POSTS_ENRICHED, POSTS_PHOTOS
from stormpetrel.log import BatchConsumer, Record, Rejected, record_of_event
from stormpetrel.log.batch_consumer import LONGEST_WORK_S
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer, RecordProducer
from stormpetrel.posts.photos.description import PhotoDescriber, missing_photo
from stormpetrel.posts.photos.earlier_photos import EarlierPhotos
from stormpetrel.posts.vision.model import VisualModel
from stormpetrel.posts.vision.pictures import MAX_BYTES
from stormpetrel.process.metrics import PHOTO_SECONDS
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.projections.posts import has_photos
from stormpetrel.store_bootstrap import open_index, photo_collection
from stormpetrel.stores.author_key import open_pseudonyms
from stormpetrel.stores.photo_objects import PhotoObjects

log = structlog.get_logger()
STAGE, RETRIES = "photos", "photos-awaited"  # consumer groups
WITHIN_S = 0.25


class PhotoWork:
    """One batch of enriched posts: their photos are read and kept, those of deleted posts are removed."""

    def __init__(self, reader: PhotoReader, store: PhotoStore, producer: RecordProducer, most_per_post: int) -> None:
        self._reader, self._store, self._producer, self._most = reader, store, producer, most_per_post

    def __call__(self, records: Sequence[Record]) -> list[Rejected]:
        """What cannot be read is the index consumer's: it makes the dead letter. Raises StoreUnavailable."""
        posts: dict[str, tuple[Record, EnrichedPost]] = {}
        deleted: dict[str, tuple[Record, PostDeleted]] = {}
        for record in records:
            try:
                event = record.decode(EnrichedPost, PostDeleted, default=EnrichedPost)
            except StormpetrelError:
                continue
            if isinstance(event, PostDeleted):
                posts.pop(event.post_id, None)
                deleted[event.post_id] = record, event
            else:
                deleted.pop(event.post.post_id, None)
                posts[event.post.post_id] = record, event
        for record, event in deleted.values():
            self._forget(event, record)
        with PHOTO_SECONDS.time():
            self._describe({post_id: pair for post_id, pair in posts.items() if has_photos(pair[1])})
        return []

    def _forget(self, event: PostDeleted, record: Record) -> None:
        self._store.forget(event.post_id)
        # Whoever awaits photos of the post, maybe another process, hears of it behind the record that asks for them.
        self._producer.send(record_of_event(PHOTOS_AWAITED, event.post_id, event, record.header("trace")))

    def _describe(self, posts: Mapping[str, tuple[Record, EnrichedPost]]) -> None:
        urls = {post_id: _photo_urls(event) for post_id, (_, event) in posts.items()}
        wanted = [
            WantedPhoto(post_id, posts[post_id][1].post.created_at, photo)
            for post_id, photos in urls.items()
            for photo in photos[: self._most]
        ]
        read = iter(self._reader.read(wanted))
        for post_id, (record, event) in posts.items():
            photos = [*islice(read, min(self._most, len(urls[post_id]))), *self._beyond(urls[post_id])]
            if photos:
                self._tell(event, photos, urls[post_id], record.header("trace"))

    def _beyond(self, photos: Sequence[AwaitedPhoto]) -> list[Photo]:
        """The photos after those that are read, of which the first says why."""
        problem = f"only the first {self._most} of {len(photos)} photos are read; see photos.most_per_post"
        return [missing_photo(photo.position, photo.url, problem) for photo in photos[self._most : self._most + 1]]

    def _tell(
        self, event: EnrichedPost, photos: Sequence[Photo], wanted: Sequence[AwaitedPhoto], trace: str | None
    ) -> None:
        described = PhotosDescribed(
            post_id=event.post.post_id,
            posted_at=event.post.created_at,
            ingested_at=event.post.ingested_at,
            photos=tuple(photos),
            concept_model=self._reader.concept_model,
            described_at=now(),
        )
        post_id = described.post_id
        self._producer.send(record_of_event(POSTS_PHOTOS, post_id, described, trace))
        positions = {photo.position for photo in photos if photo.awaited}
        awaited = tuple(photo for photo in wanted if photo.position in positions)
        if awaited:
            request = PhotosAwaited(described=described, awaited=awaited)
            self._producer.send(record_of_event(PHOTOS_AWAITED, post_id, request, trace))


def _photo_urls(event: EnrichedPost) -> list[AwaitedPhoto]:
    """The photos of a post that have an address, each address once."""
    photos = {
        media.url: AwaitedPhoto(position=position, url=media.url)
        for position, media in reversed(list(enumerate(event.post.media)))
        if media.kind == "photo" and media.url
    }
    return sorted(photos.values(), key=lambda photo: photo.position)


def _visual_model(settings: Settings) -> VisualModel | None:
    try:
        return open_visual_model(settings)
    except ModelUnavailable as error:
        # Photos are kept and known again by their hashes; what they show is not known.
        log.warning("what photos show is not looked at", reason=str(error))
        return None


def run(settings: Settings) -> None:
    """Runs the photos consumer until SIGTERM or SIGINT."""
    set_up_log(STAGE)
    readiness = Readiness("the broker")
    serve_probes(settings.photos.probe_port, readiness, settings.probe_host)
    photos = settings.photos
    store = PhotoObjects.of(photos)
    describer = PhotoDescriber(
        _visual_model(settings), EarlierPhotos(open_index(settings), photo_collection(settings).name)
    )
    allowed = AllowedHosts(photos.hosts, photos.private_hosts, "photos")
    get = BoundedGet(allowed, MAX_BYTES, photos.within_s)
    reader = PhotoReader(get, describer, store, open_pseudonyms(settings).address)
    producer = KafkaProducer(settings.kafka)
    consumer, offsets = KafkaConsumer(settings.kafka, STAGE, LONGEST_WORK_S), GroupOffsets(settings.kafka, STAGE)
    patience_s = LONGEST_WORK_S + settings.kafka.stalled_after_s  # slow servers hold a batch for minutes
    LagMonitor(offsets, [POSTS_ENRICHED], consumer.assigned, readiness, patience_s).start()
    batches = BatchConsumer(
        consumer, producer, STAGE, PhotoWork(reader, store, producer, photos.most_per_post), readiness
    )
    retries = KafkaConsumer(settings.kafka, RETRIES, LONGEST_WORK_S)
    awaited = AwaitedPhotos(retries, reader, store, producer, photos.give_up_after_h * 3600)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, batches.stop)
    consumer.subscribe([POSTS_ENRICHED.name], readiness.ready)
    awaited.subscribe()
    try:
        while not batches.stopping:
            readiness.beat()
            batches.take(photos.batch, WITHIN_S)
            awaited.take()
    finally:
        consumer.close()
        retries.close()
