"""The stores are written again from the log: all of one, or what a verification misses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from stormpetrel.core.errors import StoreRefused, StoreUnavailable
from stormpetrel.core.events import PatchDescribed, Post, PostDeleted, SceneDescribed
from stormpetrel.core.ports import Document, Point
from stormpetrel.core.topics import PATCHES_DESCRIBED, POSTS_ENRICHED, POSTS_RAW, Topic
from stormpetrel.log import OutgoingRecord, dead_letter_of, record_of_event
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.projections import PatchProjection, PostProjection
from stormpetrel.replay import NoDocuments, NoVectors, Repair, only_in_store, rebuild, repair
from stormpetrel.verification import Verification, verify
from tests.unit.memory_stores import MemoryDocuments, MemoryVectors
from tests.unit.test_loss_critical_path import AT, MODEL, Index, append, enriched


def _raw(log: MemoryLog, *post_ids: str) -> None:
    for post_id in post_ids:
        post = Post(post_id=post_id, source="file", text="flood", created_at=AT, ingested_at=AT)
        log.append(record_of_event(POSTS_RAW, post_id, post))


@pytest.fixture
def index() -> Index:
    """Five posts, one of them written twice and one deleted, gone through the index consumer."""
    made = Index(MemoryLog())
    _raw(made.log, *(f"x:{n}" for n in range(5)))
    append(made.log, *(enriched(f"x:{n}") for n in range(5)), enriched("x:1", "water"))
    append(made.log, PostDeleted(post_id="x:4", source="file", deleted_at=AT))
    made.work_through()
    assert made.stored == ({"x:0", "x:1", "x:2", "x:3"},) * 2
    return made


def test_documents_are_rebuilt_from_empty_as_they_were(index: Index) -> None:
    before = {name: dict(documents) for name, documents in index.documents.collections.items()}
    index.documents.collections.clear()
    reported: list[tuple[str, int, int]] = []
    counts = rebuild(
        MemoryTopicReader(index.log),
        {POSTS_ENRICHED: PostProjection(index.documents, NoVectors(), "posts", MODEL, "photos")},
        lambda topic, read, total: reported.append((topic.name, read, total)),
    )
    assert index.documents.collections == before
    assert counts == {"posts.enriched": {"records": 7, "rejected": 0}}
    assert reported[-1] == ("posts.enriched", 7, 7)


def test_vectors_are_rebuilt_from_empty_and_documents_stay_untouched(index: Index) -> None:
    index.vectors.points.clear()
    documents = index.documents.collections.pop("posts")
    projection = PostProjection(NoDocuments(), index.vectors, "posts", MODEL, "photos")
    rebuild(MemoryTopicReader(index.log), {POSTS_ENRICHED: projection}, lambda *_: None)
    assert set(index.vectors.points) == set(documents)
    assert index.documents.collections.get("posts") is None


def test_a_rebuild_goes_on_past_records_that_are_dead_letters(index: Index) -> None:
    class Picky(MemoryVectors):
        def upsert(self, collection: str, points: Sequence[Point]) -> None:
            if any(point.id == "x:2" for point in points):
                raise StoreRefused("x:2 has a number that is not finite", ["x:2"])
            super().upsert(collection, points)

    append(index.log, enriched("x:7", model="another model"))
    vectors = Picky()
    projection = PostProjection(NoDocuments(), vectors, "posts", MODEL, "photos")
    counts = rebuild(MemoryTopicReader(index.log), {POSTS_ENRICHED: projection}, lambda *_: None)
    assert counts["posts.enriched"] == {"records": 8, "rejected": 2}
    assert set(vectors.points) == {"x:0", "x:1", "x:3"}


def test_a_rebuild_ends_where_a_store_does_not_answer(index: Index) -> None:
    index.documents.available = False
    projection = PostProjection(index.documents, NoVectors(), "posts", MODEL, "photos")
    with pytest.raises(StoreUnavailable):
        rebuild(MemoryTopicReader(index.log), {POSTS_ENRICHED: projection}, lambda *_: None)


def test_a_scene_that_was_described_again_has_no_stale_patches_after_a_rebuild() -> None:
    log = MemoryLog()

    def describe(hours: int, *patch_ids: str) -> None:
        at = AT + timedelta(hours=hours)
        shared = {"scene_id": "scene", "sensed_at": AT, "epsg": 32632, "described_at": at}
        for patch_id in patch_ids:
            place = {"scale_level": 120, "row": 1, "column": 1, "longitude": 8.9, "latitude": 44.4}
            patch = PatchDescribed(patch_id=patch_id, ring=(), nodata_share=0, **shared, **place)  # type: ignore[arg-type]
            log.append(record_of_event(PATCHES_DESCRIBED, "scene", patch))
        scene = SceneDescribed(bounds=(0, 0, 1, 1), footprint={}, patches={}, **shared)  # type: ignore[arg-type]
        log.append(record_of_event(PATCHES_DESCRIBED, "scene", scene))

    describe(1, "s/a", "s/b")
    describe(2, "s/b", "s/c")
    documents = MemoryDocuments()
    projection = PatchProjection(documents, NoVectors(), "patches", {})
    rebuild(MemoryTopicReader(log), {PATCHES_DESCRIBED: projection}, lambda *_: None)
    assert set(documents.ids("patches")) == {"s/b", "s/c"}
    assert list(documents.ids("scenes")) == ["scene"]


def _verify(index: Index) -> Verification:
    return verify(MemoryTopicReader(index.log), index.documents, index.vectors, "posts")  # type: ignore[arg-type]


def _repair(index: Index) -> Repair:
    projection = PostProjection(index.documents, index.vectors, "posts", MODEL, "photos")
    stores = index.documents, index.vectors
    reader = MemoryTopicReader(index.log)
    return repair(_verify(index), reader, projection, MemoryProducer(index.log), stores, "posts")


def test_a_repair_indexes_again_what_either_store_misses_and_says_so(index: Index) -> None:
    newest = index.documents.collections["posts"]["x:1"]
    del index.documents.collections["posts"]["x:1"], index.vectors.points["x:2"]
    assert _verify(index).lost == ("x:1", "x:2")
    assert _repair(index) == Repair(("x:1", "x:2"), (), (), ())
    assert _verify(index).whole
    assert index.documents.collections["posts"]["x:1"] == newest, "its last event, and not its first"


def test_a_repair_sends_through_the_worker_what_was_never_enriched(index: Index) -> None:
    _raw(index.log, "x:8", "x:9")
    (dead,) = [record for record in index.log.records(POSTS_RAW.name) if record.key == b"x:9"]
    index.log.append(dead_letter_of(dead, "it is poison", "enrich"))
    assert _verify(index).lost == ("x:8",)
    assert _repair(index) == Repair((), ("x:8",), (), ())
    sent = [record for record in index.log.records(POSTS_RAW.name) if record.key == b"x:8"]
    assert len(sent) == 2 and sent[0].value == sent[1].value and sent[0].headers == sent[1].headers


def test_a_repair_deletes_what_was_deleted_and_leaves_what_the_log_does_not_know(index: Index) -> None:
    unknown: Document = {"_id": "x:old"}
    index.documents.collections["posts"]["x:4"] = {"_id": "x:4"}
    index.documents.collections["posts"]["x:old"] = unknown
    assert _repair(index) == Repair((), (), ("x:4",), ("x:old",))
    assert index.documents.collections["posts"]["x:old"] == unknown
    assert _verify(index).extra == ("x:old",)


def test_a_record_without_a_key_is_no_lost_post(index: Index) -> None:
    index.log.append(OutgoingRecord(POSTS_RAW.name, None, b"poison"))
    assert _verify(index).whole


def test_what_only_a_store_holds_is_said_before_it_is_emptied(index: Index) -> None:
    reader = MemoryTopicReader(index.log)
    assert only_in_store(reader, index.documents) == []
    index.documents.collections["posts"]["x:old"] = {"_id": "x:old"}
    index.documents.collections["scenes"] = {"s": {"_id": "s"}}
    assert only_in_store(reader, index.documents) == ["s", "x:old"]


def test_topics_are_replayed_in_the_order_of_their_projections(index: Index) -> None:
    seen: list[Topic] = []
    projections = {
        POSTS_ENRICHED: PostProjection(NoDocuments(), index.vectors, "posts", MODEL, "photos"),
        PATCHES_DESCRIBED: PatchProjection(NoDocuments(), index.vectors, "patches", {}),
    }
    counts = rebuild(MemoryTopicReader(index.log), projections, lambda topic, *_: seen.append(topic))
    assert list(counts) == ["posts.enriched", "patches.described"]
    assert set(seen) == {POSTS_ENRICHED}, "an empty topic has nothing to tell"
