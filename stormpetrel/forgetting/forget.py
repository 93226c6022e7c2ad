"""Forgets posts: what is kept of them is deleted where that can be done, and replaced on the log where the broker then
drops the old record. Every step can be done again; what fails half-way is finished by doing it once more."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from stormpetrel.core.clock import now
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import (
    Annotation,
    AnnotationForgotten,
    Forgotten,
    PostDeleted,
    SavedSearch,
    SavedSearchDeleted,
    Source,
)
from stormpetrel.core.ports import Document
from stormpetrel.core.topics import ANNOTATIONS, FORGOTTEN, LIVE_TOPICS, POSTS_RAW, SAVED_SEARCHES, Topic
from stormpetrel.forgetting.incidents import scrub_documents, scrub_incidents
from stormpetrel.forgetting.photos import KeptPhotos, without_earlier_posts
from stormpetrel.forgetting.predictions import scrub_predictions
from stormpetrel.forgetting.proof import POST_TOPICS, Proof, prove
from stormpetrel.forgetting.stores import Stores
from stormpetrel.forgetting.wanted import Wanted
from stormpetrel.log import Record, TopicReader
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import OutgoingRecord
from stormpetrel.log.topic_reader import Offsets
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.projections.photos import PHOTO_DOCUMENTS

SOURCES: dict[str, Source] = {"bsky": "bluesky", "mastodon": "mastodon", "x": "x"}
INCIDENT_COLLECTIONS = ("incidents", "incident_revisions")
REFERENCES = ("duplicate_of", "repost_of", "reply_to")


@dataclass
class Outcome:
    """What was done, counted by place; `searches` are the saved searches that were made from a forgotten post."""

    posts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    searches: list[str] = field(default_factory=list)


class Forgetting:
    """Forgets on one system. `delete` removes the records of a topic before an offset of each partition; `wait_s` is
    how long the detector has to tell the incidents that are still open."""

    def __init__(
        self,
        reader: TopicReader,
        producer: RecordProducer,
        stores: Stores,
        pseudonyms: Pseudonyms,
        delete: Callable[[Topic, Offsets], None],
        wait_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader, self._producer, self._stores = reader, producer, stores
        self._pseudonyms, self._delete, self._wait_s, self._sleep = pseudonyms, delete, wait_s, sleep

    def forget(self, looked_for: Wanted) -> Outcome:
        """Forgets what is looked for; `looked_for` has the ids and texts of all posts of it afterwards.

        Raises StoreUnavailable: then do it again.
        """
        outcome = Outcome()
        # Authors first: what comes from now on is refused, so nothing comes behind the search.
        self._refuse("author", looked_for.authors)
        self.find_posts(looked_for)
        outcome.posts = len(looked_for.post_ids)
        self._refuse("post", looked_for.post_ids)
        for post_id in sorted(looked_for.post_ids):
            source = SOURCES.get(post_id.partition(":")[0], "file")
            event = PostDeleted(post_id=post_id, source=source, deleted_at=now())
            self._producer.publish(POSTS_RAW, post_id, event)
        self._producer.flush()
        self._forget_annotations(looked_for, outcome)
        outcome.counts["items.labelled"] = scrub_predictions(looked_for, self._reader, self._producer)
        self._forget_saved_searches(looked_for, outcome)
        outcome.counts["incidents"] = scrub_incidents(
            looked_for, self._reader, self._producer, self._wait_s, self._sleep
        )
        for topic in LIVE_TOPICS:
            outcome.counts[topic.dead().name] += self._forget_dead_letters(looked_for, topic.dead())
        self._forget_in_stores(looked_for, outcome)
        self._producer.flush()
        outcome.counts = +outcome.counts  # without zeros
        return outcome

    def find_posts(self, looked_for: Wanted) -> None:
        """All posts of the authors, reposts of what is looked for, and their texts: from the log and the documents.

        A repost has the words of the post in it. Raises StoreUnavailable.
        """
        known = -1
        while known != len(looked_for.post_ids):  # until no repost of a repost is left
            known = len(looked_for.post_ids)
            for topic in POST_TOPICS:
                for record in self._reader.read(topic):
                    if looked_for.ids_in(record.value):
                        _take_post(looked_for, _post_of(record))
            for document in self._stores.documents.scan("posts"):
                _take_post(looked_for, document)

    def prove(self, looked_for: Wanted, topics: Sequence[Topic], files: Iterable[Path] = ()) -> Proof:
        """Searches everything for what `looked_for` has; `topics` are as they are set up, `files` are snapshots.

        Raises StoreUnavailable.
        """
        return prove(looked_for, topics, self._reader, self._stores, files)

    def _refuse(self, subject: Any, names: Iterable[str]) -> None:
        for name in sorted(names):
            event = Forgotten(subject=subject, digest=self._pseudonyms.digest(name), forgotten_at=now())
            self._producer.publish(FORGOTTEN, event.digest, event)
        self._producer.flush()

    def _forget_annotations(self, looked_for: Wanted, outcome: Outcome) -> None:
        for record in self._reader.read(ANNOTATIONS):
            event = _decoded(record, ANNOTATIONS)
            if isinstance(event, Annotation) and event.item_id in looked_for.post_ids:
                forgotten = AnnotationForgotten(
                    annotation_id=event.annotation_id, collection=event.collection, forgotten_at=now()
                )
                self._producer.publish(ANNOTATIONS, event.annotation_id, forgotten)
                outcome.counts["annotations"] += 1
        self._producer.flush()

    def _forget_saved_searches(self, looked_for: Wanted, outcome: Outcome) -> None:
        newest = {record.key: record for record in self._reader.read(SAVED_SEARCHES)}
        for record in newest.values():
            event = _decoded(record, SAVED_SEARCHES)
            if isinstance(event, SavedSearch) and looked_for.ids_in(record.value):
                deleted = SavedSearchDeleted(saved_search_id=event.saved_search_id, deleted_at=now())
                self._producer.publish(SAVED_SEARCHES, event.saved_search_id, deleted)
                outcome.searches.append(event.saved_search_id)
        self._producer.flush()

    def _forget_dead_letters(self, looked_for: Wanted, dead: Topic) -> int:
        """Writes the letters that stay once more and deletes all before them; how many are gone. Stopped in between, it
        leaves some letters twice."""
        ends = self._reader.end_offsets(dead)
        kept: list[Record] = []
        gone = 0
        for record in self._reader.read(dead):
            if record.offset < ends.get(record.partition, 0):
                found = looked_for.in_unread(b"\n".join([record.key or b"", record.value, *record.headers.values()]))
                gone += found
                kept += [] if found else [record]
        if gone:
            for record in kept:
                self._producer.send(OutgoingRecord(dead.name, record.key, record.value, record.headers))
            self._producer.flush()
            self._delete(dead, {partition: end for partition, end in ends.items() if end})
        return gone

    def _forget_in_stores(self, looked_for: Wanted, outcome: Outcome) -> None:
        documents, vectors, photos, posts, photo_points, _ = self._stores
        ids = sorted(looked_for.post_ids)
        vectors.delete(posts, ids)
        outcome.counts["photos"] = KeptPhotos(documents, vectors, photos, posts, photo_points).forget(ids)
        for name in documents.collection_names():
            found = [each for each in documents.scan(name) if _holds(looked_for, each)]
            if name in INCIDENT_COLLECTIONS:
                documents.upsert(name, scrub_documents(looked_for, found))
            elif name in PHOTO_DOCUMENTS:
                others = [without_earlier_posts(each, looked_for.post_ids, self._stand_in) for each in found]
                documents.upsert(name, others)
            elif name == "posts":
                self._forget_post_documents(looked_for, found)
            elif name == "predictions":
                documents.delete(name, [each["_id"] for each in found])
            outcome.counts[f"documents {name}"] = len(found)

    def _forget_post_documents(self, looked_for: Wanted, found: Sequence[Document]) -> None:
        documents, vectors = self._stores.documents, self._stores.vectors
        documents.delete("posts", [each["_id"] for each in found if each["_id"] in looked_for.post_ids])
        others = [each for each in found if each["_id"] not in looked_for.post_ids]
        documents.upsert("posts", [self._without_references(looked_for, each) for each in others])
        for each in others:
            if each.get("duplicate_of") in looked_for.post_ids:
                stand_in = {"duplicate_of": self._stand_in(each["duplicate_of"])}
                vectors.set_payload(self._stores.posts, [each["_id"]], stand_in)

    def _without_references(self, looked_for: Wanted, document: Document) -> Document:
        """A post of somebody else, with a stand-in for what it repeats or answers."""
        changed = {
            name: self._stand_in(document[name]) for name in REFERENCES if document.get(name) in looked_for.post_ids
        }
        return {**document, **changed}

    def _stand_in(self, post_id: str) -> str:
        return f"forgotten:{self._pseudonyms.digest(post_id)}"


def fingerprint(looked_for: Wanted, pseudonyms: Pseudonyms) -> str:
    """What the audit names of it: a digest, since the audit must not keep what was forgotten."""
    names = "\n".join(sorted(looked_for.post_ids | looked_for.authors))
    return hashlib.sha256(pseudonyms.digest(names).encode()).hexdigest()[:16]


def _take_post(looked_for: Wanted, post: Document) -> None:
    post_id = post.get("post_id") or post.get("_id")
    if not isinstance(post_id, str):
        return
    wanted_ids = (post.get("author_id"), post.get("repost_of"), post_id)
    if wanted_ids[0] in looked_for.authors or looked_for.post_ids.intersection(filter(None, wanted_ids[1:])):
        looked_for.post_ids.add(post_id)
        looked_for.texts |= {text for name in ("text", "clean_text") if (text := post.get(name))}


def _post_of(record: Record) -> Document:
    """The fields of a post in a record of any post topic; empty where it has none."""
    try:
        fields = orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(fields, dict):
        return {}
    inner = fields.get("post")
    return {**inner, "clean_text": fields.get("clean_text")} if isinstance(inner, dict) else fields


def _decoded(record: Record, topic: Topic) -> Any:
    """None where the record cannot be read: it is a dead letter, and searched as one."""
    try:
        return record.decode(*topic.events)
    except StormpetrelError:
        return None


def _holds(looked_for: Wanted, document: Document) -> bool:
    return looked_for.ids_in(orjson.dumps(document, default=str))
