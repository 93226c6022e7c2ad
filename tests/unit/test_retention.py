"""Posts leave both stores when their time is over, and topics drop what is over or was replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from obstore.store import MemoryStore

from consumers.retention import PAGE, PostRetention, RetentionThread
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.photo_settings import Photos
from stormpetrel.core.ports import Point
from stormpetrel.core.privacy_settings import Retention
from stormpetrel.core.settings import Kafka, TopicSettings
from stormpetrel.core.topics import ANNOTATIONS, DAY_MS, INCIDENT_ACTIONS, POSTS_RAW
from stormpetrel.forgetting import KeptPhotos
from stormpetrel.log.admin import topic_as_set
from stormpetrel.projections.photos import DELETED, MARKED_AT, PostPhotos
from stormpetrel.stores.mongo import EXPIRES_BY, MARKS_KEPT_DAYS
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import MemoryDocuments
from tests.unit.photo_events import described, photo

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Stores:
    def __init__(self, ages_days: list[float]) -> None:
        self.documents, self.index = MemoryDocuments(), MemoryIndex(posts=(), photos=())
        self.pictures = PhotoObjects(MemoryStore())
        for number, age in enumerate(ages_days):
            came_in = round((NOW - timedelta(days=age)).timestamp() * 1000)
            self.index.upsert("posts", [Point(f"x:{number}", {"id": f"x:{number}", "ingested_at": came_in})])
            self.documents.upsert("posts", [{"_id": f"x:{number}"}])

    def retention(self, days: float | None) -> PostRetention:
        photos = KeptPhotos(self.documents, self.index, self.pictures, "posts", "photos")
        return PostRetention(
            Retention(posts_days=days), self.documents, self.index, self.index, "posts", photos, clock=lambda: NOW
        )

    @property
    def left(self) -> set[str]:
        assert set(self.documents.collections.get("posts", {})) == set(self.index.collections["posts"])
        return set(self.index.collections["posts"])


def test_what_came_in_too_long_ago_leaves_both_stores() -> None:
    stores = Stores([0, 6.9, 7.1, 400])
    assert stores.retention(7).sweep() == 2
    assert stores.left == {"x:0", "x:1"}
    assert stores.retention(7).sweep() == 0


def test_photos_leave_with_their_posts() -> None:
    stores = Stores([0, 400])
    for post_id in ("x:0", "x:1"):
        stores.pictures.put(post_id, f"photo of {post_id}", b"a picture", b"a small picture")
        PostPhotos(stores.documents, stores.index, "posts", "photos").write([described(post_id, photo())])
    assert stores.retention(7).sweep() == 1
    assert stores.pictures.get("photo of x:1", "full") is None and stores.pictures.get("photo of x:0", "full")
    assert set(stores.index.collections["photos"]) == {"x:0#0"}
    assert {*stores.documents.collections["post_photos"], *stores.documents.collections["photos_described"]} == {"x:0"}


def test_without_a_time_everything_stays() -> None:
    stores = Stores([0, 4000])
    assert stores.retention(None).sweep() == 0 and stores.left == {"x:0", "x:1"}


def test_more_than_a_page_is_deleted_in_one_sweep() -> None:
    stores = Stores([8.0] * (PAGE + 3))
    assert stores.retention(7).sweep() == PAGE + 3 and stores.left == set()


@pytest.mark.parametrize("error", [StoreUnavailable("down"), RuntimeError("a fault of ours")])
def test_nothing_that_fails_ends_the_sweeps_and_only_one_process_sweeps(error: Exception) -> None:
    stores, closed = Stores([8.0]), list[str]()
    retention = stores.retention(7)
    thread = RetentionThread(retention, 1, lambda: True, lambda: closed.append("closed"))
    broken, stores.documents.delete = stores.documents.delete, _raising(error)  # type: ignore[method-assign]
    thread.take_turn()
    assert closed == [] and len(stores.index.collections["posts"]) == 1, "the point is there until its document is gone"
    stores.documents.delete = broken  # type: ignore[method-assign]
    RetentionThread(retention, 1, lambda: False, lambda: closed.append("closed")).take_turn()
    assert closed == []
    thread.take_turn()
    assert closed == ["closed"] and stores.left == set()


def _raising(error: Exception) -> Any:
    def fails(*_: Any) -> None:
        raise error

    return fails


def test_marks_of_deleted_posts_stay_longer_than_photos_are_awaited() -> None:
    assert EXPIRES_BY[DELETED] == MARKED_AT
    longest_h = Photos.model_fields["give_up_after_h"].metadata[-1].le
    assert longest_h < MARKS_KEPT_DAYS * 24


def test_a_topics_records_are_over_within_a_tenth_more_than_its_retention() -> None:
    kafka = Kafka(topics={"posts.raw": TopicSettings(retention_days=2)}, compacted_within_days=3)
    raw, annotations = topic_as_set(kafka, POSTS_RAW), topic_as_set(kafka, ANNOTATIONS)
    assert raw.bound_ms == 22 * DAY_MS // 10 and annotations.bound_ms == 3 * DAY_MS
    assert raw.configuration()["segment.ms"] == str(2 * DAY_MS // 10)
    assert annotations.configuration()["cleanup.policy"] == "compact"
    assert annotations.configuration()["max.compaction.lag.ms"] == str(3 * DAY_MS)
    assert INCIDENT_ACTIONS.bound_ms is None and "segment.ms" not in INCIDENT_ACTIONS.configuration()
