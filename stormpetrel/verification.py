"""Compares the log with the views by id: what should be in the stores, what is missing, what is there too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stormpetrel.events import PostDeleted
from stormpetrel.ports import DocumentStore, VectorIndex
from stormpetrel.stores.kafka import read_dead_letters, read_whole
from stormpetrel.topics import LIVE_TOPICS, POSTS_ENRICHED, POSTS_RAW


@dataclass(frozen=True)
class Verification:
    """`lost` and `extra` are ids; `doubled` are ids that a store holds more than once."""

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


def log_state(bootstrap: str) -> tuple[set[str], set[str], set[str]]:
    """(ids that should be in the stores, ids taken back, ids among the dead letters), from the topics."""
    written: set[str] = set()
    enriched: set[str] = set()
    deleted: set[str] = set()
    for topic in LIVE_TOPICS:
        for message in read_whole(bootstrap, topic.name):
            entity = (message.key() or b"").decode(errors="replace")
            schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
            # Within a topic the events of a key are in order: the last one holds.
            (deleted.add if schema == PostDeleted.name() else deleted.discard)(entity)
            written.add(entity)
            if topic is POSTS_ENRICHED:
                enriched.add(entity)
    dead = {
        (letter.key or b"").decode(errors="replace")
        for topic in (POSTS_RAW, POSTS_ENRICHED)
        for letter in read_dead_letters(bootstrap, topic.name)
        if letter.key
    }
    buried = {entity for entity in dead if entity not in enriched}
    return written - deleted - buried, deleted, dead


def verify(bootstrap: str, documents: DocumentStore, index: VectorIndex, collection: str) -> Verification:
    """Reads the whole log and all ids of both stores. Raises StoreUnavailable where one does not answer."""
    expected, deleted, dead = log_state(bootstrap)
    in_documents, in_index = Counter(documents.ids("posts")), Counter(index.ids(collection))
    doubled = _sorted(entity for held in (in_documents, in_index) for entity, n in held.items() if n > 1)
    return Verification(
        expected=len(expected),
        documents=sum(in_documents.values()),
        vectors=sum(in_index.values()),
        dead=len(dead),
        deleted=len(deleted),
        lost=_sorted((expected - in_documents.keys()) | (expected - in_index.keys())),
        extra=_sorted((in_documents.keys() | in_index.keys()) - expected - dead),
        doubled=doubled,
    )


def _sorted(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ids)))
