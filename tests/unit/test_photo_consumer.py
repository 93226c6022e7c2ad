"""The photos consumer: what it fetches, keeps and tells; what it tries again; what a crash or a deletion leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

from consumers.awaited_photos import AwaitedPhotos
from consumers.photo_reader import PhotoReader
from consumers.photos import PhotoWork
from stormpetrel.bootstrap import concept_list
from stormpetrel.connections import AllowedHosts, BoundedGet
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import EarlierPhoto, PhotosDescribed
from stormpetrel.core.topics import PHOTOS_AWAITED, POSTS_ENRICHED, POSTS_PHOTOS
from stormpetrel.demo.pictures import data_url
from stormpetrel.log import BatchConsumer, record_of_event
from stormpetrel.log.memory import MemoryConsumer, MemoryLog, MemoryProducer
from stormpetrel.posts.photos.description import PhotoDescriber
from stormpetrel.posts.vision.model import DescriptorModel
from stormpetrel.posts.vision.pictures import MAX_BYTES, from_base64, read_picture
from stormpetrel.process.probes import Readiness
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.unit.photo_events import deleted, post_with
from tests.unit.photo_server import PhotoServer, photo_bytes, photo_server
from tests.unit.test_photo_files import png_header

HOUR = 3600.0


@dataclass
class Consumer:
    """A photos consumer on a log in memory. `hours` is how far the clock is ahead of the records."""

    server: PhotoServer
    store: PhotoObjects
    log: MemoryLog = field(default_factory=MemoryLog)
    earlier: EarlierPhoto | None = None
    hours: float = 0.0

    def __post_init__(self) -> None:
        allowed = AllowedHosts((), (self.server.host,), "photos")
        describer = PhotoDescriber(DescriptorModel(concept_list()), lambda *_: self.earlier)
        self.reader = PhotoReader(BoundedGet(allowed, MAX_BYTES, 1.0), describer, self.store)
        self.producer = MemoryProducer(self.log)
        self.start()

    def start(self) -> None:
        """As after a crash: from what the groups have committed."""
        consumer, retries = MemoryConsumer(self.log, "photos"), MemoryConsumer(self.log, "photos-awaited")
        work = PhotoWork(self.reader, self.store, self.producer, most_per_post=3)
        self.batches = BatchConsumer(consumer, self.producer, "photos", work, Readiness("the log"))
        self.awaited = AwaitedPhotos(retries, self.reader, self.store, self.producer, 6 * HOUR, self._clock)
        consumer.subscribe([POSTS_ENRICHED.name])
        self.awaited.subscribe()

    def _clock(self) -> float:
        return time.time() + self.hours * HOUR

    def publish(self, *events: Any) -> Consumer:
        for event in events:
            post_id = getattr(event, "post_id", None) or event.post.post_id
            self.log.append(record_of_event(POSTS_ENRICHED, post_id, event))
        return self

    def run(self, hours: float = 0.0) -> Consumer:
        self.hours += hours
        self.batches.take(32, 0.0)
        self.awaited.take()
        return self

    def told(self, post_id: str = "x:11") -> list[PhotosDescribed]:
        events = [record.decode(PhotosDescribed) for record in self.log.records(POSTS_PHOTOS.name)]
        return [event for event in events if event.post_id == post_id]

    def awaits(self) -> bool:
        return self.log.committed("photos-awaited", PHOTOS_AWAITED.name) < len(self.log.records(PHOTOS_AWAITED.name))

    def dead(self) -> list[str]:
        return [str(record.header("reason")) for record in self.log.records(PHOTOS_AWAITED.dead().name)]


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    with photo_server() as server:
        yield Consumer(server, PhotoObjects(MemoryStore()))


def test_all_photos_of_a_post_are_described_and_kept(consumer: Consumer) -> None:
    consumer.server.files |= {"/1": photo_bytes(seed=1), "/2": photo_bytes("meadow", 2)}
    urls = consumer.server.url("/1"), consumer.server.url("/2"), data_url("night", 3)
    (event,) = consumer.publish(post_with("x:11", *urls)).run().told()
    assert [photo.position for photo in event.photos] == [0, 1, 2]
    assert all(photo.hash and photo.vector and photo.perceptual_hash and not photo.problem for photo in event.photos)
    assert "muddy flood water" in {concept.name for concept in event.photos[0].concepts}
    for photo in event.photos:
        assert consumer.store.get(str(photo.hash), "thumbnail") and consumer.store.get(str(photo.hash), "full")
    assert not consumer.awaits()


def test_a_photo_is_described_as_a_query_with_it_is(consumer: Consumer) -> None:
    url = data_url("flood", 11)
    (event,) = consumer.publish(post_with("x:11", url)).run().told()
    (features,) = DescriptorModel(concept_list()).extract([read_picture(from_base64(url))])
    vector = event.photos[0].vector
    assert vector is not None and np.array_equal(vector.values(), features.vector)
    assert {concept.name: concept.score for concept in event.photos[0].concepts} == features.concepts


def test_one_bad_photo_does_not_touch_the_others(consumer: Consumer) -> None:
    consumer.server.files |= {
        "/svg": b"<svg onload=alert(1)/>",
        "/bomb": png_header(30_000, 30_000),
        "/ok": photo_bytes(),
    }
    consumer.server.types |= {"/svg": "image/svg+xml"}
    inner = f"http://127.0.0.1:{consumer.server.server_port + 1}/secret"
    consumer.server.redirects["/inwards"] = inner
    paths = {"/svg": "svg", "/bomb": "megapixels", "/inwards": "https://", "/liar": "cannot be read"}
    posts = [post_with(f"x:1{n}", consumer.server.url(path)) for n, path in enumerate(paths)]
    consumer.publish(*posts, post_with("x:20", consumer.server.url("/ok"))).run()
    for post, problem in zip(posts, paths.values(), strict=True):
        (event,) = consumer.told(post.post.post_id)
        assert problem in str(event.photos[0].problem) and not event.photos[0].awaited
    assert consumer.told("x:20")[0].photos[0].hash and not consumer.awaits()


def test_a_post_with_very_many_photos_costs_no_more_than_a_few(consumer: Consumer) -> None:
    consumer.server.files |= {f"/{n}": photo_bytes(seed=n) for n in range(5)}
    urls = [consumer.server.url(f"/{n % 1000}") for n in range(1000)]
    (event,) = consumer.publish(post_with("x:11", *urls)).run().told()
    assert len(consumer.server.requests) == 3 and len(event.photos) == 4
    assert "first 3 of 1000" in str(event.photos[-1].problem)


def test_photos_of_near_duplicates_are_not_fetched(consumer: Consumer) -> None:
    consumer.publish(post_with("x:12", consumer.server.url("/1"), duplicate_of="x:11")).run()
    assert consumer.server.requests == [] and consumer.told("x:12") == []


def test_a_late_photo_is_tried_again_and_completes_the_post(consumer: Consumer) -> None:
    consumer.server.files["/1"] = photo_bytes()
    consumer.publish(post_with("x:11", consumer.server.url("/1"), consumer.server.url("/late"))).run()
    (first,) = consumer.told()
    assert first.photos[0].hash and first.photos[1].awaited and consumer.awaits()
    consumer.run(0.001)
    assert consumer.server.requests.count("/late") == 1  # it is not due yet
    consumer.run(0.01)
    assert consumer.server.requests.count("/late") == 2 and len(consumer.told()) == 1  # nothing new is known
    consumer.server.files["/late"] = photo_bytes("meadow")
    consumer.run(0.05)
    second = consumer.told()[-1]
    assert [bool(photo.hash) for photo in second.photos] == [True, True]
    assert consumer.server.requests.count("/1") == 1 and not consumer.awaits() and consumer.dead() == []


def test_what_never_comes_is_given_up_after_the_stated_time_and_is_a_dead_letter(consumer: Consumer) -> None:
    consumer.server.failing["/1"] = 503
    consumer.publish(post_with("x:11", consumer.server.url("/1"))).run()
    for _ in range(40):
        consumer.run(0.2)
    assert 5 <= consumer.server.requests.count("/1") <= 12  # ever less often
    (reason,) = consumer.dead()
    assert "within 6 h" in reason and "503" in reason and not consumer.awaits()
    assert not consumer.told()[-1].photos[0].awaited


def test_a_restart_forgets_no_awaited_photo(consumer: Consumer) -> None:
    consumer.publish(post_with("x:11", consumer.server.url("/1")), post_with("x:12", consumer.server.url("/2"))).run()
    consumer.server.files["/1"] = photo_bytes()
    consumer.run(0.05)
    consumer.start()
    consumer.server.files["/2"] = photo_bytes()
    consumer.run(0.5).run(0.5)
    assert consumer.told("x:12")[-1].photos[0].hash and not consumer.awaits()


def test_photos_of_a_deleted_post_are_removed_unless_another_post_has_them(consumer: Consumer) -> None:
    consumer.server.files["/1"] = photo_bytes()
    url = consumer.server.url("/1")
    consumer.publish(post_with("x:11", url), post_with("x:12", url)).run()
    photo_hash = str(consumer.told()[0].photos[0].hash)
    consumer.publish(deleted("x:11")).run()
    assert consumer.store.get(photo_hash, "full")
    consumer.publish(deleted("x:12")).run()
    assert consumer.store.get(photo_hash, "full") is None


def test_a_post_that_is_deleted_while_its_photo_is_awaited_gets_nothing(consumer: Consumer) -> None:
    consumer.publish(post_with("x:11", consumer.server.url("/1"))).run()
    consumer.server.files["/1"] = photo_bytes()
    consumer.publish(deleted("x:11")).run(1.0).run(1.0)
    assert len(consumer.told()) == 1 and consumer.server.requests == ["/1"] and not consumer.awaits()
    assert consumer.store.forget("x:11") == []


def test_a_store_that_is_down_loses_no_photo(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer.publish(post_with("x:11", consumer.server.url("/1")), post_with("x:12", consumer.server.url("/2"))).run()
    consumer.server.files |= {"/1": photo_bytes(), "/2": photo_bytes("meadow")}
    consumer.publish(deleted("x:12"))

    def down(*_: Any) -> None:
        raise StoreUnavailable("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(PhotoObjects, "put", down)
        consumer.hours += 0.05
        consumer.awaited.take()
    assert consumer.awaits() and len(consumer.told()) == 1
    consumer.run().run()
    assert consumer.told()[-1].photos[0].hash and not consumer.awaits()


def test_a_model_that_fails_leaves_the_photo(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DescriptorModel, "extract", lambda *_: 1 / 0)
    (event,) = consumer.publish(post_with("x:11", data_url("flood", 1))).run().told()
    assert event.photos[0].hash and event.photos[0].vector is None and "division" in str(event.photos[0].problem)
