"""What must never lose a record, without a server: the batch consumer and the projections on the log in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.index import IndexWork
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import StoreRefused, StoreUnavailable
from stormpetrel.core.events import EnrichedPost, Post, PostDeleted, Vector, encode
from stormpetrel.core.ports import Point
from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_ENRICHED, POSTS_RAW
from stormpetrel.log import BatchConsumer, OutgoingRecord, Record, Rejected, dead_letter_of, record_of_event, work_aside
from stormpetrel.log.memory import MemoryConsumer, MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.process.probes import Readiness
from stormpetrel.projections import PostProjection
from stormpetrel.verification import log_state
from tests.unit.memory_stores import MemoryDocuments, MemoryVectors

AT = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = EmbeddingSpec("tiny", 4)


def enriched(post_id: str, text: str = "flood", model: str = "tiny") -> EnrichedPost:
    post = Post(post_id=post_id, source="file", text=text, created_at=AT, ingested_at=AT)
    vector = Vector.of(np.ones(4, dtype=np.float32) / 2, model)
    return EnrichedPost(
        post=post, clean_text=text, language="en", language_confidence=1, text_vector=vector, enriched_at=AT
    )


class Index:
    """An index consumer on the log in memory; `restart` is a new process of the same group."""

    def __init__(self, log: MemoryLog) -> None:
        self.log, self.documents, self.vectors = log, MemoryDocuments(), MemoryVectors()
        self.restart()

    def restart(self) -> None:
        self.consumer = MemoryConsumer(self.log, "index")
        self.consumer.subscribe([POSTS_ENRICHED.name])
        projection = PostProjection(self.documents, self.vectors, "posts", MODEL, "photos")
        work = IndexWork({POSTS_ENRICHED: projection})
        self.batches = BatchConsumer(self.consumer, MemoryProducer(self.log), "index", work, Readiness("the test"))

    def work_through(self, batch: int = 3) -> None:
        while self.committed < len(self.log.records(POSTS_ENRICHED.name)):
            self.batches.take(batch, 0)

    @property
    def committed(self) -> int:
        return self.log.committed("index", POSTS_ENRICHED.name)

    @property
    def stored(self) -> tuple[set[str], set[str]]:
        return set(self.documents.ids("posts")), set(self.vectors.points)


def append(log: MemoryLog, *events: EnrichedPost | PostDeleted) -> None:
    for event in events:
        post_id = event.post_id if isinstance(event, PostDeleted) else event.post.post_id
        log.append(record_of_event(POSTS_ENRICHED, post_id, event))


def dead_letters(log: MemoryLog) -> list[Record]:
    return log.records(POSTS_ENRICHED.dead().name)


def test_a_batch_is_worked_on_then_its_dead_letters_are_on_the_log_and_only_then_it_is_committed() -> None:
    log, order = MemoryLog(partitions=1), list[str]()

    class Producer(MemoryProducer):
        def flush(self, timeout_s: float = 60) -> None:
            super().flush(timeout_s)
            order.append(f"flushed, {len(dead_letters(log))} dead")

    class Consumer(MemoryConsumer):
        def commit(self, records: Sequence[Record]) -> None:
            super().commit(records)
            order.append("committed")

    def work(records: Sequence[Record]) -> list[Rejected]:
        order.append("worked")
        return [Rejected(records[0], "it is poison")]

    append(log, enriched("x:1"), enriched("x:2"))
    consumer = Consumer(log, "index")
    consumer.subscribe([POSTS_ENRICHED.name])
    BatchConsumer(consumer, Producer(log), "index", work, Readiness("the test")).take(10, 0)
    assert order == ["worked", "flushed, 1 dead", "committed"]


def test_a_member_stays_in_its_group_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that forms anew waits for whoever does not ask: long work must not hold it up."""
    monkeypatch.setattr(work_aside, "QUIET_S", 0.0)
    log, asked = MemoryLog(partitions=1), threading.Event()

    class Consumer(MemoryConsumer):
        def pause(self, seconds: float) -> None:
            asked.set()

    def work(records: Sequence[Record]) -> list[Rejected]:
        assert asked.wait(30), "nobody asked the group while the work was done"
        return []

    append(log, enriched("x:1"))
    consumer = Consumer(log, "index")
    consumer.subscribe([POSTS_ENRICHED.name])
    BatchConsumer(consumer, MemoryProducer(log), "index", work, Readiness("the test")).take(10, 0)
    assert log.committed("index", POSTS_ENRICHED.name) == 1 and not dead_letters(log)


def test_a_store_that_is_down_is_tried_again_with_the_same_batch_and_nothing_is_committed_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = Index(MemoryLog())
    append(index.log, *(enriched(f"x:{n}") for n in range(5)))
    index.documents.available = False
    committed_while_down = []

    def wait(_: float) -> bool:
        committed_while_down.append(index.committed)
        index.documents.available = len(committed_while_down) == 3
        return True

    monkeypatch.setattr(index.batches, "_sleep", wait)
    index.batches.take(10, 0)
    assert committed_while_down == [0, 0, 0]
    assert index.committed == 5
    assert index.stored == ({f"x:{n}" for n in range(5)},) * 2


def test_a_process_that_stops_while_a_store_is_down_leaves_its_batch_to_the_next_one() -> None:
    index = Index(MemoryLog())
    append(index.log, enriched("x:1"))
    index.documents.available = False
    index.batches.stop()
    index.batches.take(10, 0)
    assert index.committed == 0
    index.documents.available = True
    index.restart()
    index.work_through()
    assert index.stored == ({"x:1"}, {"x:1"})


def test_a_crash_between_the_two_stores_is_mended_by_the_next_process() -> None:
    index = Index(MemoryLog())
    append(index.log, *(enriched(f"x:{n}") for n in range(4)))
    index.vectors.crash_at = 1
    with pytest.raises(KeyboardInterrupt):
        index.batches.take(10, 0)
    assert index.stored == ({f"x:{n}" for n in range(4)}, set()), "the crash came between the two writes"
    assert index.committed == 0
    index.restart()
    index.work_through()
    assert index.stored == ({f"x:{n}" for n in range(4)},) * 2


def test_a_poison_record_goes_to_the_dead_letters_with_its_bytes_and_its_neighbours_are_written() -> None:
    index = Index(MemoryLog(partitions=1))
    append(index.log, enriched("x:1"))
    index.log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:2", b"{cut off", {"schema": b"EnrichedPost"}))
    append(index.log, enriched("x:3", model="another"), enriched("x:4"))
    index.work_through(batch=10)
    assert index.stored == ({"x:1", "x:4"},) * 2
    broken, foreign = dead_letters(index.log)
    assert (broken.key, broken.value, broken.header("stage")) == (b"x:2", b"{cut off", "index")
    assert "is not JSON" in str(broken.header("reason"))
    assert broken.header("provenance") == "posts.enriched/0/1"
    assert "this index of tiny (4 values)" in str(foreign.header("reason"))


def test_a_batch_whose_dead_letters_the_broker_does_not_take_is_not_committed() -> None:
    index = Index(MemoryLog(partitions=1))
    index.log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:2", b"{", {"schema": b"EnrichedPost"}))
    records = index.consumer.consume(10)
    index.consumer.rebalance()
    index.log.available = False
    with pytest.raises(StoreUnavailable):
        index.batches.take(10, 0)
    index.log.available = True
    assert index.committed == 0 and len(records) == 1
    index.restart()
    index.work_through()
    assert len(dead_letters(index.log)) == 1


class Choosy(MemoryVectors):
    """A store that refuses, breaks at, or does not answer for, some points."""

    def __init__(self, fault: Exception, *bad_ids: str) -> None:
        super().__init__()
        self.fault, self.bad_ids = fault, bad_ids

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        if any(point.id in self.bad_ids for point in points):
            raise self.fault
        super().upsert(collection, points)


@pytest.mark.parametrize(
    "fault", [StoreRefused("its indices are no indices"), OverflowError("date value out of range")]
)
def test_what_a_store_refuses_is_dead_lettered_with_its_reason_and_its_neighbours_are_written(fault: Exception) -> None:
    index = Index(MemoryLog(partitions=1))
    index.vectors = Choosy(fault, "x:3", "x:7", "x:8")
    index.restart()
    append(index.log, *(enriched(f"x:{number}") for number in range(10)))
    index.batches.take(10, 0)
    assert index.committed == 10
    assert set(index.vectors.points) == {f"x:{number}" for number in range(10)} - {"x:3", "x:7", "x:8"}
    assert [letter.key for letter in dead_letters(index.log)] == [b"x:3", b"x:7", b"x:8"]
    assert all(str(fault) in str(letter.header("reason")) for letter in dead_letters(index.log))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_beyond_the_calendar_is_dead_lettered(moment: str) -> None:
    index = Index(MemoryLog(partitions=1))
    raw = encode(enriched("x:1")).replace(b'"2026-01-01T00:00:00Z"', f'"{moment}"'.encode(), 1)
    index.log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:1", raw, {"schema": b"EnrichedPost"}))
    # A null header, as the client gives it: as good as none.
    index.log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:2", encode(enriched("x:2")), {"schema": b""}))
    index.batches.take(10, 0)
    assert (index.committed, index.stored) == (2, ({"x:2"}, {"x:2"}))
    assert [letter.key for letter in dead_letters(index.log)] == [b"x:1"]


def test_dead_letters_that_the_broker_does_not_take_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(MemoryLog(partitions=1))
    index.log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:2", b"{", {"schema": b"EnrichedPost"}))
    flushes = []

    class Producer(MemoryProducer):
        def flush(self, timeout_s: float = 60) -> None:
            flushes.append(len(self.queued))
            if len(flushes) < 3:
                self.queued.clear()
                raise StoreUnavailable("the broker did not answer in time")
            super().flush(timeout_s)

    index.batches._producer = Producer(index.log)
    monkeypatch.setattr(index.batches, "_sleep", lambda _: True)
    index.batches.take(10, 0)
    assert flushes == [1, 1, 1] and len(dead_letters(index.log)) == 1 and index.committed == 1


def test_a_later_deletion_in_one_batch_leaves_neither_document_nor_point() -> None:
    index = Index(MemoryLog())
    append(index.log, enriched("x:1"), PostDeleted(post_id="x:1", source="file", deleted_at=AT), enriched("x:2"))
    index.work_through(batch=10)
    assert index.stored == ({"x:2"}, {"x:2"})


@settings(max_examples=60, deadline=None)
@given(
    posts=st.lists(st.integers(0, 12), max_size=30),
    crashes=st.lists(st.integers(1, 8), max_size=3),
    batch=st.integers(1, 7),
    rebalance_each=st.integers(1, 4),
)
def test_whatever_crashes_or_rebalances_every_post_is_in_both_stores_once(
    posts: list[int], crashes: list[int], batch: int, rebalance_each: int
) -> None:
    index = Index(MemoryLog())
    append(index.log, *(enriched(f"x:{number}", f"version {at}") for at, number in enumerate(posts)))
    newest = {f"x:{number}": f"version {at}" for at, number in enumerate(posts)}
    for crash_at in crashes:
        index.vectors.writes, index.vectors.crash_at = 0, crash_at
        for turn in range(5):
            try:
                index.batches.take(batch, 0)
            except KeyboardInterrupt:
                index.restart()
            if turn % rebalance_each == 0:
                index.consumer.rebalance()
    index.vectors.crash_at = None
    index.restart()
    index.work_through(batch)
    assert index.stored == (set(newest), set(newest))
    assert {key: document["text"] for key, document in index.documents.collections.get("posts", {}).items()} == newest


def test_what_is_dead_lettered_or_has_no_key_is_not_lost_and_what_is_missing_is() -> None:
    log = MemoryLog(partitions=1)
    post = Post(post_id="x:1", source="file", text="flood", created_at=AT, ingested_at=AT)
    for post_id in ("x:1", "x:2", "x:3", "x:4"):
        log.append(record_of_event(POSTS_RAW, post_id, post.model_copy(update={"post_id": post_id})))
    log.append(OutgoingRecord(POSTS_RAW.name, None, b""))
    log.append(OutgoingRecord(POSTS_RAW.name, b"x:raw", b"{"))
    append(log, enriched("x:1"), enriched("x:2"))
    log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:3", b"{"))
    for letter in (log.records(POSTS_RAW.name)[5], log.records(POSTS_ENRICHED.name)[2]):
        log.append(dead_letter_of(letter, "it is poison", "test"))
    log.append(record_of_event(POSTS_BACKFILL, "x:5", post.model_copy(update={"post_id": "x:5"})))
    state = log_state(MemoryTopicReader(log))
    assert state.expected == {"x:1", "x:2", "x:4", "x:5"} and state.dead == {"x:raw", "x:3"}
