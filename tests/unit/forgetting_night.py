"""A log and stores in memory that hold a night's records of several people, one of whom is to be forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
from obstore.store import MemoryStore

from stormpetrel.core.events import (
    Annotation,
    EarlierPhoto,
    EnrichedPost,
    ItemsLabelled,
    Post,
    PostDropped,
    PostMatched,
    SavedSearch,
    Vector,
    annotation_key,
)
from stormpetrel.core.topics import (
    ANNOTATIONS,
    INCIDENTS,
    ITEMS_LABELLED,
    POSTS_DROPPED,
    POSTS_ENRICHED,
    POSTS_MATCHED,
    POSTS_PHOTOS,
    POSTS_RAW,
    SAVED_SEARCHES,
    Topic,
    all_topics,
)
from stormpetrel.forgetting import Forgetting, Proof, Stores, Wanted
from stormpetrel.log import Record, dead_letter_of
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.log.topic_reader import Offsets
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.projections.incidents import incident_document, revision_document
from stormpetrel.projections.photos import PostPhotos
from stormpetrel.projections.posts import post_document, post_point
from stormpetrel.projections.predictions import PredictionProjection
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.unit.closed_incident import closed_incident
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import PagedDocuments
from tests.unit.photo_events import described, photo

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)
NAMES = Pseudonyms(bytes(32))
DID = "did:plc:z72i7hdynmk6r22z27h6tvur"
ADA = NAMES.author(f"bsky:{DID}")
WORDS = "The water stands in the cellar of via Canevari, we are on the roof"
DROPPED = "Nothing but tea and the noise of the street down here"
MINE, SECOND, REPOST, OTHERS = f"{ADA}/3k", f"{ADA}/4k", "x:77", "x:1460"
UNSAMPLED = f"{ADA}/6k"  # the worker dropped it, and nothing but its id stands on the topic of dropped posts


class System:
    """A log and stores with a night's records of two people."""

    def __init__(self) -> None:
        self.log, self.documents, self.index = MemoryLog(), PagedDocuments(), MemoryIndex()
        self.index.collections["photos"] = {}
        self.photos = PhotoObjects(MemoryStore())
        self.reader, self.producer = MemoryTopicReader(self.log), MemoryProducer(self.log)
        stores = Stores(self.documents, self.index, self.photos, "posts", "photos", ["posts", "photos"])
        self.forgetting = Forgetting(
            self.reader, self.producer, stores, NAMES, self.delete, wait_s=0, sleep=lambda _: None
        )

    def delete(self, topic: Topic, before: Offsets) -> None:
        for partition, offset in before.items():
            kept = [record for record in self.log._of(topic.name)[partition] if record.offset >= offset]
            self.log._of(topic.name)[partition][:] = kept

    def publish(self, topic: Topic, key: str, event: Any) -> None:
        self.producer.publish(topic, key, event)
        self.producer.flush()

    def post(self, post_id: str, author: str, text: str, **more: Any) -> None:
        duplicate_of = more.pop("duplicate_of", None)
        source = "bluesky" if post_id.startswith("bsky:") else "x"
        raw = Post(post_id=post_id, source=source, text=text, created_at=AT, ingested_at=AT, author_id=author, **more)
        enriched = EnrichedPost(
            post=raw, clean_text=text, language="en", language_confidence=1, duplicate_of=duplicate_of, enriched_at=AT
        )
        self.publish(POSTS_RAW, post_id, raw)
        self.publish(POSTS_ENRICHED, post_id, enriched)
        self.documents.upsert("posts", [post_document(enriched)])
        self.index.upsert("posts", [post_point(enriched, 0)])

    def photo(self, post_id: str, name: str, earlier: str | None = None) -> None:
        seen = EarlierPhoto(post_id=earlier, posted_at=AT, bits=2) if earlier else None
        event = described(post_id, photo(url=name).model_copy(update={"seen_before": seen}))
        self.photos.put(post_id, name, b"a picture", b"a small picture")
        self.publish(POSTS_PHOTOS, post_id, event)
        PostPhotos(self.documents, self.index, "posts", "photos").write([event])

    def compacted(self, topic: Topic) -> list[Record]:
        """What the broker has left once it has cleaned the topic."""
        newest = {(record.partition, record.key): record for record in self.reader.read(topic)}
        return list(newest.values())

    def clean(self) -> None:
        """The time of every topic is over."""
        for topic in all_topics():
            kept = self.compacted(topic) if topic.compacted else []
            for partition in self.log._of(topic.name):
                partition[:] = [record for record in partition if record in kept or not topic.events]

    def prove(self, looked_for: Wanted) -> Proof:
        return self.forgetting.prove(looked_for, all_topics())


def annotation(item_id: str, number: int) -> Annotation:
    return Annotation(
        annotation_id=f"ann-{number}",
        collection="posts/genova",
        item_id=item_id,
        label="related",
        sign="positive",
        annotator="grace",
        vectors={"text": Vector.of(np.ones(4, dtype=np.float32), "m@1")},
        annotated_at=AT,
    )


def night() -> System:
    """The system with the posts, photos, labels, incident and dead letters of the night."""
    system = System()
    _posts(system)
    _learned(system)
    _told(system)
    return system


def _posts(system: System) -> None:
    system.post(MINE, ADA, WORDS)
    system.post(SECOND, ADA, "Still on the roof, nobody comes")
    system.post(OTHERS, "x:grace", "A quiet evening in Bologna", reply_to=MINE)
    system.post(REPOST, "x:bob", f"RT {WORDS}", repost_of=MINE, duplicate_of=MINE)
    system.photo(MINE, "mine")
    system.photo(OTHERS, "theirs", earlier=MINE)
    dropped = Post(post_id=f"{ADA}/5k", source="bluesky", text=DROPPED, created_at=AT, ingested_at=AT, author_id=ADA)
    system.publish(
        POSTS_DROPPED,
        dropped.post_id,
        PostDropped(post_id=dropped.post_id, post=dropped, reason="no_word", dropped_at=AT),
    )
    unsampled = dropped.model_copy(update={"post_id": UNSAMPLED})
    system.publish(POSTS_RAW, UNSAMPLED, unsampled)
    system.publish(
        POSTS_DROPPED, UNSAMPLED, PostDropped(post_id=UNSAMPLED, reason="irrelevant", score=-2, dropped_at=AT)
    )
    system.post("x:78", "x:eve", "The roof, the roof is wet, via Canevari is under water", duplicate_of=MINE)


def _learned(system: System) -> None:
    for number, item_id in enumerate((MINE, OTHERS)):
        event = annotation(item_id, number)
        system.publish(ANNOTATIONS, annotation_key(event), event)
    labelled = ItemsLabelled(
        collection="posts/genova",
        label="related",
        vector="text",
        model_version="v1",
        annotations=2,
        item_ids=(MINE, OTHERS),
        scores=Vector.of(np.array([0.5, -0.5], dtype=np.float32), "v1"),
        part=1,
        parts=1,
        labelled_at=AT,
    )
    system.publish(ITEMS_LABELLED, labelled.key, labelled)
    PredictionProjection(system.documents).write([labelled])


def _told(system: System) -> None:
    incident = closed_incident([MINE, OTHERS])
    system.publish(INCIDENTS, incident.incident_id, incident)
    system.documents.upsert("incidents", [incident_document(incident)])
    system.documents.upsert("incident_revisions", [revision_document(incident)])
    search = SavedSearch(saved_search_id="saved-1", request={"like": MINE}, created_at=AT)
    system.publish(SAVED_SEARCHES, "saved-1", search)
    matched = PostMatched(
        match_id=f"{1:032x}",
        saved_search_id="saved-2",
        post_id=MINE,
        decided_by="relevance",
        scores={},
        reason="r",
        recent_rank=1,
        recent_count=1,
        posted_at=AT,
        matched_at=AT,
    )
    system.publish(POSTS_MATCHED, "saved-2", matched)
    raw = json.dumps({"did": DID, "kind": "commit", "commit": {"text": "dâmâged"}}).encode()
    for value, reason in ((raw, "ours"), (b'{"kind": "somebody else\'s"}', "others")):
        system.log.append(dead_letter_of(Record("posts.raw", 0, 1, None, value), reason, "source x"))
