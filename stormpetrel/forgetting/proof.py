"""Searches every store and every record of every topic for what was forgotten: what is left, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import orjson

from stormpetrel.core.clock import milliseconds, moment_of
from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_DROPPED, POSTS_ENRICHED, POSTS_RAW, Topic
from stormpetrel.forgetting.stores import Stores
from stormpetrel.forgetting.wanted import Wanted
from stormpetrel.log import Record, TopicReader
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import OutgoingRecord

Item = TypeVar("Item")
POST_TOPICS = (POSTS_RAW, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_DROPPED)  # those with texts of posts
LOOKED_AT_EVERY = timedelta(minutes=5)  # how often a broker looks for what is over, unless it was set up otherwise


@dataclass(frozen=True)
class Trace:
    """What is left in one place: how many records, documents, points, photos or files, and whether a text of a post is
    in it. `until` is when the last is gone at the latest; None: it stays until something is done."""

    place: str
    count: int
    has_text: bool
    until: datetime | None


@dataclass(frozen=True)
class Proof:
    """`searched` counts what was looked at, by place. `copies` counts posts of other people that have the same words:
    they are theirs, and stay."""

    traces: tuple[Trace, ...]
    searched: dict[str, int]
    copies: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.traces

    def fields(self) -> dict[str, Any]:
        """As JSON shows it."""
        left = [
            {
                "place": trace.place,
                "count": trace.count,
                "has_text": trace.has_text,
                "until": trace.until.isoformat() if trace.until else None,
            }
            for trace in self.traces
        ]
        return {"left": left, "searched": self.searched, "copies": self.copies}

    @property
    def stays(self) -> tuple[Trace, ...]:
        """What no time will remove."""
        return tuple(trace for trace in self.traces if trace.until is None)


def prove(
    looked_for: Wanted, topics: Sequence[Topic], reader: TopicReader, stores: Stores, files: Iterable[Path] = ()
) -> Proof:
    """Reads everything. `topics` are as they are set up, `files` are snapshots.

    Raises StoreUnavailable.
    """
    search = _Search(looked_for)
    for topic in topics:
        _search_topic(search, topic, reader)
    documents, vectors = stores.documents, stores.vectors
    stored = [(f"documents {name}", name == "posts", documents.scan(name)) for name in documents.collection_names()]
    stored += [(f"index {name}", False, vectors.payloads(name)) for name in stores.collections]
    for place, is_post, items in stored:
        rows = (orjson.dumps(item, default=str) for item in search.counted(place, items))
        search.note(place, [raw for raw in rows if search.holds(raw, is_post)], None)
    photos = [each for post_id in looked_for.post_ids for each in stores.photos.hashes_of(post_id)]
    search.note("photos", [photo_hash.encode() for photo_hash in photos], None)
    for file in files:
        search.note(f"file {file.name}", [raw for raw in [file.read_bytes()] if search.holds(raw)], None)
    return Proof(tuple(search.traces), dict(search.searched), search.copies)


def _search_topic(search: _Search, topic: Topic, reader: TopicReader) -> None:
    found, newest = [], dict[bytes | None, Record]()
    is_post = topic.name in {each.name for each in POST_TOPICS}
    for record in search.counted(f"topic {topic.name}", reader.read(topic)):
        if topic.compacted:
            newest[record.key] = record
        if search.holds(_bytes(record), is_post, is_unread=not topic.events):
            found.append(record)
    ends = [_ends(topic, record, newest.get(record.key)) for record in found]
    until = None if None in ends else max(filter(None, ends), default=None)
    search.note(f"topic {topic.name}", [_bytes(record) for record in found], until)


class _Search:
    """What a search has found so far."""

    def __init__(self, looked_for: Wanted) -> None:
        self._looked_for = looked_for
        self.traces: list[Trace] = []
        self.searched: Counter[str] = Counter()
        self.copies = 0

    def counted(self, place: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items as they come; they count as searched."""
        self.searched[place] = 0
        for item in items:
            self.searched[place] += 1
            yield item

    def holds(self, raw: bytes, is_post: bool = False, is_unread: bool = False) -> bool:
        """Whether the bytes hold something that should be gone."""
        if self._looked_for.ids_in(raw) or (is_unread and self._looked_for.in_unread(raw)):
            return True
        has_text = self._looked_for.text_in(raw)
        self.copies += has_text and is_post
        return has_text and not is_post

    def note(self, place: str, found: Sequence[bytes], until: datetime | None) -> None:
        if found:
            has_text = any(self._looked_for.text_in(raw) for raw in found)
            self.traces.append(Trace(place, len(found), has_text, until))


def _ends(topic: Topic, record: Record, newest: Record | None) -> datetime | None:
    """When the broker has dropped a record at the latest; None where nothing will make it."""
    if topic.bound_ms is None:
        return None
    if not topic.compacted:
        return moment_of(record.timestamp_ms + topic.bound_ms) + LOOKED_AT_EVERY
    if newest is None or newest.position == record.position:
        return None  # nothing stands in its place yet
    return moment_of(newest.timestamp_ms + 2 * topic.bound_ms) + LOOKED_AT_EVERY


def close_files(topics: Iterable[Topic], reader: TopicReader, producer: RecordProducer, now: datetime) -> list[str]:
    """Writes the last record of a compacted topic once more where nothing has come for longer than its bound.

    A broker cleans a file only after it has begun the next one, and it begins one only when a record comes: what was
    replaced on a topic on which nothing happens would stay. A record that comes twice changes nothing.
    """
    closed = []
    for topic in topics:
        if not topic.compacted:
            continue
        last: dict[int, Record] = {record.partition: record for record in reader.read(topic, tail=1)}
        old = [r for r in last.values() if r.value and milliseconds(now) - r.timestamp_ms > topic.compacted_within_ms]
        for record in old:
            producer.send(OutgoingRecord(record.topic, record.key, record.value, record.headers))
        if old:
            closed.append(topic.name)
    producer.flush()
    return closed


def _bytes(record: Record) -> bytes:
    """Key, value and headers in one."""
    headers = b"\n".join(record.headers.values())
    return b"\n".join([record.key or b"", record.value, headers])
