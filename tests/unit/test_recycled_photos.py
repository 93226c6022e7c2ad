"""Photos of earlier events: found by their hashes, told with the date, and held against an incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from stormpetrel.core.events import EarlierPhoto, Incident, Media, PhotosDescribed
from stormpetrel.core.ports import Point
from stormpetrel.incidents.restart import restored
from stormpetrel.posts.photos.earlier_photos import EarlierPhotos
from stormpetrel.posts.photos.perceptual_hash import PERCEPTUAL, hash_vector
from tests.unit.incident_streams import T0, detector, opened, post, run
from tests.unit.memory_index import MemoryIndex
from tests.unit.photo_events import AT, described, photo

PHOTO = (Media(kind="photo", url="https://p.example/a"),)
FLOOD = [post(n, 3 * n, media=PHOTO if n < 5 else ()) for n in range(10)]


def photos_of(number: int, days: float) -> PhotosDescribed:
    earlier = EarlierPhoto(post_id="x:1000", posted_at=T0 - timedelta(days=days), bits=1)
    return described(f"file:{number}", photo(seen_before=earlier), at=T0)


def index_with(**moments: int) -> MemoryIndex:
    """An index of photos with nearly the same hash, so many days before."""
    points = [
        Point(
            name,
            {"post_id": f"x:{name}", "event_time": int((AT - timedelta(days=days)).timestamp() * 1000)},
            {PERCEPTUAL: hash_vector(f"{n:016x}")},
        )
        for n, (name, days) in enumerate(moments.items())
    ]
    return MemoryIndex(photos=points)


def test_the_earliest_post_with_nearly_the_same_photo_is_named() -> None:
    index = index_with(today=0, old=300, older=2_428)
    assert EarlierPhotos(index, "photos")("0" * 16, AT) == EarlierPhoto(
        post_id="x:older", posted_at=AT - timedelta(days=2_428), bits=1
    )
    assert EarlierPhotos(index, "photos")("f" * 16, AT) is None
    assert EarlierPhotos(index_with(today=0), "photos")("0" * 16, AT) is None


def confidence_with(recycled: int, days: float = 2_000) -> Incident:
    detecting = detector()
    told = run(detecting, FLOOD)
    assert opened(told)
    for number in range(recycled):
        told += detecting.take_photos(photos_of(number, days))
    (incident,) = detecting.incidents.values()
    return incident.event("confidence", "a test looks", T0, T0, "test")


def test_recycled_photos_lower_the_confidence_by_their_share() -> None:
    none, some, all_of_them = confidence_with(0), confidence_with(1), confidence_with(5)
    assert none.recycled_photos == 0 and none.confidence == none.posts_confidence == 0.9
    odds = 0.9 / 0.1
    assert some.confidence == pytest.approx(odds * 0.84 / (1 + odds * 0.84), abs=1e-4)
    assert all_of_them.confidence == pytest.approx(odds * 0.2 / (1 + odds * 0.2), abs=1e-4)
    assert all_of_them.recycled_photos == 5 and all_of_them.posts_confidence == 0.9
    seen = {each.photo_seen_before for each in all_of_them.evidence if each.has_photo}
    assert seen == {T0 - timedelta(days=2_000)}


def test_a_photo_of_the_same_week_is_the_incidents_own() -> None:
    assert confidence_with(5, days=3).recycled_photos == 0


def test_the_change_is_told_with_the_date() -> None:
    detecting = detector()
    run(detecting, FLOOD)
    told = [each for number in range(5) for each in detecting.take_photos(photos_of(number, 2_428))]
    assert {each.change for each in told} == {"confidence"}
    assert f"seen before, the first on {T0 - timedelta(days=2_428):%Y-%m-%d}" in told[0].reason


def test_photos_that_come_before_their_posts_count_too() -> None:
    detecting = detector()
    for number in range(5):
        assert detecting.take_photos(photos_of(number, 2_000)) == []
    run(detecting, FLOOD)
    (incident,) = detecting.incidents.values()
    assert incident.recycled_photos == 5


def test_a_restart_remembers_what_the_evidence_says() -> None:
    after: Any = restored(confidence_with(5))
    assert after.recycled_photos == 5 and after.confidence() < 0.7
