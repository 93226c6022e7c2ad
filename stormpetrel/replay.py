"""Writes the stores again from the log: a whole store, or what a verification misses. All writes are by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import PostDeleted
from stormpetrel.core.ports import Document, DocumentReader, DocumentWriter, Filter, Point, VectorWriter
from stormpetrel.core.topics import PATCHES_DESCRIBED, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_RAW, Topic
from stormpetrel.log import OutgoingRecord, Record, Rejected, TopicReader
from stormpetrel.log.producer import RecordProducer
from stormpetrel.projections import Projection
from stormpetrel.projections.photos import DELETED, PHOTO_DOCUMENTS
from stormpetrel.verification import Verification, log_state

log = structlog.get_logger()
BATCH = 500
# What the projections write to the document store. Other collections (cursors of sources) are not on the log, and the
# topic of incidents is compacted: earlier revisions stay where they are.
PROJECTED = ("posts", *PHOTO_DOCUMENTS, "freshness", "patches", "scenes", "products", "predictions", "incidents")
Report = Callable[[Topic, int, int], object]  # topic, records read, records on it


def project(records: Sequence[Record], projection: Projection) -> list[Rejected]:
    """Writes the records' events to the stores: those that cannot be read come back. Raises StoreUnavailable, or
    StoreRefused where a store does not take an event."""
    events, rejected = [], []
    for record in records:
        try:
            event = record.decode(*projection.event_types, default=projection.default)
            events.append(projection.checked(event))
        except StormpetrelError as error:
            rejected.append(Rejected(record, str(error)))
    if events:
        projection.write(events)
    return rejected


def rebuild(reader: TopicReader, projections: Mapping[Topic, Projection], report: Report) -> dict[str, dict[str, int]]:
    """Replays whole topics through their projections, oldest record first: by topic, the records read and those that
    no store holds because they are dead letters. Raises StoreUnavailable.

    Nobody else may write meanwhile: an older event would take a newer one's place.
    """
    counts: dict[str, dict[str, int]] = {}
    for topic, projection in projections.items():
        total, read, rejected = sum(reader.end_offsets(topic).values()), 0, 0
        reached: dict[int, int] = {}
        for batch in _batches(reader.read(topic)):
            rejected += len(_project_or_halve(batch, projection))
            read += len(batch)
            # Offsets and not records: what the topic no longer keeps at its beginning counts as done.
            reached |= {record.partition: record.offset + 1 for record in batch}
            report(topic, sum(reached.values()), total)
        counts[topic.name] = {"records": read, "rejected": rejected}
    return counts


def _project_or_halve(records: Sequence[Record], projection: Projection) -> list[Rejected]:
    """As `project`; whatever a store refuses is found by halving, and comes back too: it is a dead letter already."""
    try:
        return project(records, projection)
    except StormpetrelError as error:
        if error.is_temporary:
            raise
        if len(records) == 1:
            log.warning("left out", provenance=records[0].provenance, reason=str(error))
            return [Rejected(records[0], str(error))]
    middle = len(records) // 2
    return _project_or_halve(records[:middle], projection) + _project_or_halve(records[middle:], projection)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def only_in_store(reader: TopicReader, documents: DocumentReader) -> list[str]:
    """Posts and scenes that the store holds and the log keeps no longer: emptying the store would lose them."""
    state = log_state(reader)
    described = {(record.key or b"").decode(errors="replace") for record in reader.read(PATCHES_DESCRIBED)}
    posts = set(documents.ids("posts")) - state.expected - state.dead
    return sorted(posts | (set(documents.ids("scenes")) - described))


class NoDocuments:
    """In place of the document store, where only vectors are written again. It knows which posts were deleted, so that
    their photos do not come back."""

    def __init__(self) -> None:
        self._deleted: dict[str, Document] = {}

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        if collection == DELETED:
            self._deleted |= {document["_id"]: document for document in documents}

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for each in ids if collection == DELETED else ():
            self._deleted.pop(each, None)

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        return {each: self._deleted[each] for each in ids if each in self._deleted} if collection == DELETED else {}

    def newest(self, *_: Any, **__: Any) -> list[Document]:
        return []

    def oldest(self, *_: Any, **__: Any) -> list[Document]:
        return []

    def count(self, collection: str) -> int:
        return 0

    def ids(self, collection: str) -> Iterable[str]:
        return ()


class NoVectors:
    """In place of the vector index, where only documents are written again. It knows which patches each scene has, so
    that a scene that was described again loses those it no longer has."""

    def __init__(self) -> None:
        self._patches: dict[str, tuple[str, int]] = {}  # patch id -> scene id, described at

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        for point in points:
            if point.payload.get("kind") == "patch":
                self._patches[point.id] = point.payload["scene_id"], point.payload["described_at"]

    def set_vectors(self, collection: str, points: Sequence[Point]) -> None:
        """Nothing."""

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for each in ids:
            self._patches.pop(each, None)

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        scenes = within.any_of.get("scene_id") if within else None
        until = within.ranges.get("described_at", (None, None))[1] if within else None
        return [
            each
            for each, (scene, described_at) in self._patches.items()
            if (scenes is None or scene in scenes) and (until is None or described_at <= until)
        ]


@dataclass(frozen=True)
class Repair:
    """What was done, by post id. `left` could not be mended: nothing on the log says what it was."""

    reindexed: tuple[str, ...]
    republished: tuple[str, ...]
    deleted: tuple[str, ...]
    left: tuple[str, ...]


def repair(
    verification: Verification,
    reader: TopicReader,
    projection: Projection,
    producer: RecordProducer,
    stores: tuple[DocumentWriter, VectorWriter],
    collection: str,
) -> Repair:
    """Mends what a verification found: lost posts are indexed again from `posts.enriched`, or sent through the worker
    again where only `posts.raw` or `posts.backfill` has them; deleted ones that a store still has are deleted.

    Raises StoreUnavailable.
    """
    lost = set(verification.lost)
    enriched = _newest(reader, POSTS_ENRICHED, lost)
    raw = _newest(reader, POSTS_BACKFILL, lost) | _newest(reader, POSTS_RAW, lost)
    rejected = [
        (letter.record.key or b"").decode(errors="replace")
        for batch in _batches(enriched.values())
        for letter in _project_or_halve(batch, projection)
    ]
    reindexed, republished = enriched.keys() - set(rejected), raw.keys() - enriched.keys()
    for post_id in sorted(republished):
        record = raw[post_id]
        producer.send(OutgoingRecord(record.topic, record.key, record.value, record.headers))
    producer.flush()
    deleted = sorted(log_state(reader).deleted & set(verification.extra))
    documents, vectors = stores
    vectors.delete(collection, deleted)
    for name in ("posts", *PHOTO_DOCUMENTS):
        documents.delete(name, deleted)
    left = (lost - reindexed - republished) | (set(verification.extra) - set(deleted)) | set(verification.doubled)
    parts: list[Iterable[str]] = [reindexed, republished, deleted, left]
    return Repair(*(tuple(sorted(part)) for part in parts))


def _newest(reader: TopicReader, topic: Topic, post_ids: set[str]) -> dict[str, Record]:
    """The last record of each of these posts, in the order of the log."""
    newest: dict[str, Record] = {}
    for record in reader.read(topic):
        post_id = (record.key or b"").decode(errors="replace")
        if post_id in post_ids:
            newest.pop(post_id, None)
            newest[post_id] = record
    return {each: record for each, record in newest.items() if record.header("schema") != PostDeleted.name()}
