"""Compares the log with both stores by id: which posts are lost, doubled or unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stormpetrel.core.events import PostDeleted
from stormpetrel.core.ports import DocumentReader, VectorScanner
from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_DROPPED, POSTS_ENRICHED, POSTS_RAW, Topic
from stormpetrel.log import DeadLetter, TopicReader, read_dead_letters

TOPICS = (POSTS_RAW, POSTS_BACKFILL, POSTS_ENRICHED)


@dataclass(frozen=True)
class Verification:
    """`lost` and `extra` are post ids; `doubled` are ids that a store holds more than once."""

    expected: int
    documents: int
    vectors: int
    dead: int
    deleted: int
    lost: tuple[str, ...]
    extra: tuple[str, ...]
    doubled: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not (self.lost or self.extra or self.doubled)


@dataclass(frozen=True)
class LogState:
    """Ids that should be in the stores, ids that were deleted, ids of dead letters, and the number of dead letters: a
    record that a source could not read has no id."""

    expected: set[str]
    deleted: set[str]
    dead: set[str]
    dead_letters: int


def log_state(reader: TopicReader) -> LogState:
    """What the topics say should be in the stores. A record that is dead-lettered, or that has no key, should not."""
    letters = {topic: list(read_dead_letters(reader, topic)) for topic in TOPICS}
    dead_provenances = {letter.provenance for topic_letters in letters.values() for letter in topic_letters}
    written: dict[Topic, set[str]] = {topic: set() for topic in TOPICS}
    deleted: set[str] = set()
    for topic in TOPICS:
        for record in reader.read(topic):
            if record.key and record.provenance not in dead_provenances:
                entity = record.key.decode(errors="replace")
                # Within a topic the events of a key are in order: the last one holds.
                (deleted.add if record.header("schema") == PostDeleted.name() else deleted.discard)(entity)
                written[topic].add(entity)
    dead = {
        topic: {_entity(letter) for letter in topic_letters if letter.record.key}
        for topic, topic_letters in letters.items()
    }
    published = written[POSTS_RAW] | written[POSTS_BACKFILL]
    # What the worker dropped is on the log by its id; a later form of the post may have passed.
    dropped = {(record.key or b"").decode(errors="replace") for record in reader.read(POSTS_DROPPED)}
    expected = (written[POSTS_ENRICHED] | (published - dead[POSTS_ENRICHED] - dropped)) - deleted
    return LogState(expected, deleted, set().union(*dead.values()), sum(map(len, letters.values())))


def _entity(letter: DeadLetter) -> str:
    return (letter.record.key or b"").decode(errors="replace")


def verify(reader: TopicReader, documents: DocumentReader, index: VectorScanner, collection: str) -> Verification:
    """Reads the whole log and all ids of both stores. Raises StoreUnavailable where one does not answer."""
    log = log_state(reader)
    expected = log.expected
    in_documents, in_index = Counter(documents.ids("posts")), Counter(index.ids(collection))
    doubled = _sorted(entity for held in (in_documents, in_index) for entity, n in held.items() if n > 1)
    return Verification(
        expected=len(expected),
        documents=sum(in_documents.values()),
        vectors=sum(in_index.values()),
        dead=log.dead_letters,
        deleted=len(log.deleted),
        lost=_sorted((expected - in_documents.keys()) | (expected - in_index.keys())),
        extra=_sorted((in_documents.keys() | in_index.keys()) - expected - log.dead),
        doubled=doubled,
    )


def _sorted(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ids)))
