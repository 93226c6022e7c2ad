"""Photos through the real log and stores: fetched from a web server, described, kept; over kills and deletions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.core.events import EnrichedPost, PostDeleted
from stormpetrel.core.topics import POSTS_ENRICHED
from stormpetrel.search.documents import post_documents
from tests.integration.running import COLLECTION, RunningSystem, wait_until
from tests.unit.photo_events import deleted, post_with
from tests.unit.photo_server import PhotoServer, photo_bytes, photo_server

pytestmark = pytest.mark.integration
POSTS = 40


def start_photos(system: RunningSystem, server: PhotoServer) -> None:
    system.start("photos", "consume", "photos", STORMPETREL_PHOTOS__PRIVATE_HOSTS=json.dumps([server.host]))


@pytest.fixture
def photos(system: RunningSystem) -> Iterator[PhotoServer]:
    """A web server of photos that the photos consumer may ask."""
    with photo_server() as server:
        for name in ("photos", "index"):
            if name in system.ours:
                system.stop(name)
        system.start("index", "consume", "index")
        start_photos(system, server)
        yield server
        system.stop("photos")


def publish(system: RunningSystem, *events: EnrichedPost | PostDeleted) -> None:
    producer = system.producer()
    for event in events:
        producer.publish(POSTS_ENRICHED, event.post_id if isinstance(event, PostDeleted) else event.post.post_id, event)
    producer.flush()


def post_of(system: RunningSystem, post_id: str) -> dict[str, Any]:
    return post_documents(system.documents, [post_id]).get(post_id, {})


def pictures(system: RunningSystem) -> list[Path]:
    return sorted((system.directory / "photos" / "pictures").rglob("full.jpg"))


def _more_than(photos: PhotoServer, asked: int) -> bool:
    return len(photos.requests) > asked


def test_kills_lose_no_photo_and_keep_none_twice(system: RunningSystem, photos: PhotoServer) -> None:
    photos.files |= {f"/{n}.jpg": photo_bytes(seed=9_000 + n) for n in range(POSTS)}
    before = len(pictures(system))
    ids = [f"x:70{n:03d}" for n in range(POSTS)]
    publish(system, *(post_with(post_id, photos.url(f"/{n}.jpg")) for n, post_id in enumerate(ids)))
    for asked in (0, 20):
        wait_until(partial(_more_than, photos, asked), 60, "photos are fetched")
        system.kill("photos")
        start_photos(system, photos)
    system.wait_until_photos_are_there()
    hashes = {post_of(system, post_id)["photos"][0]["hash"] for post_id in ids}
    assert len(hashes) == POSTS == len(pictures(system)) - before
    vectors = system.index.vectors(COLLECTION, ids, ["visual"])
    assert all("visual" in vectors[post_id] for post_id in ids)
    publish(system, *(deleted(post_id) for post_id in ids))
    system.wait_until_photos_are_there()
    assert post_of(system, ids[0]) == {} and len(pictures(system)) == before
    assert not {*ids} & {*system.documents.ids("post_photos"), *system.index.ids(COLLECTION)}


def test_a_photo_of_an_earlier_event_is_told(system: RunningSystem, photos: PhotoServer) -> None:
    photos.files |= {"/old.jpg": photo_bytes(seed=77), "/new.jpg": photo_bytes(seed=77, quality=40)}
    first = datetime(2019, 3, 14, 8, tzinfo=UTC)
    publish(system, post_with("x:71000", photos.url("/old.jpg"), at=first))
    system.wait_until_photos_are_there()
    publish(system, post_with("x:71001", photos.url("/new.jpg")))
    system.wait_until_photos_are_there()
    (photo,) = post_of(system, "x:71001")["photos"]
    assert photo["seen_before"]["posted_at"].startswith("2019-03-14") and photo["seen_before"]["bits"] <= 6
    assert photo["seen_before"]["post_id"] == "x:71000"
    publish(system, deleted("x:71000"), deleted("x:71001"))
    system.wait_until_photos_are_there()
