"""Lag and stalls, without a broker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import EnrichedPost, Post
from stormpetrel.core.settings import Kafka, Settings
from stormpetrel.core.topics import DAY_MS, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_RAW, Topic
from stormpetrel.log import OutgoingRecord, record_of_event
from stormpetrel.log.admin import topic_as_set
from stormpetrel.log.lag import GroupOffsets, LagMonitor, Place, Remaining, StallWatch
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.process.metrics import LAG
from stormpetrel.process.probes import Readiness, serve_probes
from streams.app import data_folder, newest_posts, warm_window


def remaining(topic: str, *spans: tuple[int, int]) -> dict[Place, Remaining]:
    return {(topic, partition): Remaining(*span) for partition, span in enumerate(spans)}


def test_a_topic_that_has_lag_and_does_not_move_is_a_stall_and_any_progress_ends_it() -> None:
    now = 0.0
    watch = StallWatch(60, lambda: now)
    assert watch.look("t", remaining("t", (5, 5)), False) is None
    now = 1000
    assert watch.look("t", remaining("t", (5, 9), (0, 1)), False) is None, "the records have only just come"
    now = 1050
    assert watch.look("t", remaining("t", (5, 99), (0, 1)), False) is None
    now = 1061
    assert watch.look("t", remaining("t", (5, 99), (0, 1)), False) == "t: 95 records wait, and none was done for 61 s"
    assert watch.look("t", remaining("t", (5, 99), (1, 1)), False) is None, "it moved"
    now = 2000
    assert watch.look("t", remaining("t", (5, 99), (1, 1)), True) is None, "it is held back"
    now = 2061
    assert watch.look("t", remaining("t", (99, 99), (1, 1)), False) is None, "there is nothing to do"


def test_a_quiet_topic_whose_records_wait_behind_a_busy_one_is_no_stall_for_longer() -> None:
    """Before: a loaded index consumer was ended again and again for some photos that waited behind thousands of posts,
    and each start made more posts wait."""
    now = 0.0
    watch = StallWatch(60, lambda: now)
    for now in range(0, 360, 10):
        assert watch.look("posts", remaining("posts", (now, 9999)), False) is None
        assert watch.look("photos", remaining("photos", (5, 9)), False) is None, now
    now = 365
    assert (
        watch.look("photos", remaining("photos", (5, 9)), False)
        == "photos: 4 records wait, and none was done for 365 s"
    )
    watch = StallWatch(60, lambda: now)
    for now in (0, 10):
        watch.look("posts", remaining("posts", (now, 9999)), False)
        watch.look("photos", remaining("photos", (5, 9)), False)
    now = 75
    assert watch.look("photos", remaining("photos", (5, 9)), False), "the other topic has stopped too"


class Offsets:
    def __init__(self) -> None:
        self.by_topic: dict[str, dict[Place, Remaining]] = {}
        self.markers_only, self.read = False, 0

    def remaining(self, topic: Topic) -> dict[Place, Remaining]:
        return self.by_topic[topic.name]

    def holds_records(self, remaining: dict[Place, Remaining]) -> bool:
        self.read += 1
        return not self.markers_only


def monitor(offsets: Offsets, readiness: Readiness, patience_s: float = 0) -> LagMonitor:
    topics = [POSTS_RAW, POSTS_BACKFILL]
    own = [(POSTS_RAW.name, 0), (POSTS_BACKFILL.name, 0)]
    return LagMonitor(cast(GroupOffsets, offsets), topics, lambda: own, readiness, patience_s)


def test_liveness_follows_progress_against_the_lag_of_the_members_own_partitions() -> None:
    offsets, readiness = Offsets(), Readiness("the test")
    readiness.ready()
    server = serve_probes(0, readiness, "127.0.0.1")
    health = f"http://127.0.0.1:{server.server_address[1]}/healthz"
    offsets.by_topic = {
        POSTS_RAW.name: remaining(POSTS_RAW.name, (3, 3), (0, 70)),
        POSTS_BACKFILL.name: remaining(POSTS_BACKFILL.name, (0, 10)),
    }
    lag = monitor(offsets, readiness)
    lag.held_back.add(POSTS_BACKFILL.name)
    for _ in range(2):
        lag.look()
        assert httpx.get(health).status_code == 200, "the lag is another member's, or held back"
    assert lag.group_lags == {POSTS_RAW.name: 70, POSTS_BACKFILL.name: 10}
    lag.held_back.clear()
    lag.look()
    lag.look()
    answer = httpx.get(health)
    assert answer.status_code == 503 and answer.json()["status"].startswith("posts.backfill: 10 records wait")
    assert LAG.labels(POSTS_BACKFILL.name, "0")._value.get() == 10
    offsets.by_topic[POSTS_BACKFILL.name] = remaining(POSTS_BACKFILL.name, (4, 10))
    lag.look()
    assert httpx.get(health).status_code == 200
    server.shutdown()


def test_markers_that_nobody_works_off_are_no_lag_of_the_group() -> None:
    offsets = Offsets()
    offsets.markers_only = True
    offsets.by_topic = {
        POSTS_RAW.name: remaining(POSTS_RAW.name, (0, 70)),
        POSTS_BACKFILL.name: remaining(POSTS_BACKFILL.name, (0, 0)),
    }
    lag = monitor(offsets, Readiness("the test"), 60)
    lag.look()
    assert lag.group_lags[POSTS_RAW.name] == 70, "records that have only just come are not read twice"
    for _ in range(3):
        lag.look()
        assert lag.group_lags[POSTS_RAW.name] == 0
    assert offsets.read == 1
    offsets.markers_only = False
    offsets.by_topic[POSTS_RAW.name] = remaining(POSTS_RAW.name, (0, 71))
    lag.look()
    lag.look()
    assert lag.group_lags[POSTS_RAW.name] == 71


def test_a_process_that_stands_still_for_twice_its_patience_ends_to_be_started_again() -> None:
    offsets, readiness, ended = Offsets(), Readiness("the test"), list[bool]()
    readiness.ready()
    offsets.by_topic = {POSTS_RAW.name: remaining(POSTS_RAW.name, (0, 70))}
    own = [(POSTS_RAW.name, 0)]
    lag = LagMonitor(cast(GroupOffsets, offsets), [POSTS_RAW], lambda: own, readiness, 0, lambda: ended.append(True))
    lag.look()
    lag.end_if_stalled_for_long()
    assert not ended, "the records have only just come"
    lag.look()
    lag.end_if_stalled_for_long()
    assert readiness.stalled and not ended, "its patience is over once"
    lag.look()
    lag.end_if_stalled_for_long()
    assert ended
    offsets.by_topic = {POSTS_RAW.name: remaining(POSTS_RAW.name, (70, 70))}
    ended.clear()
    lag.look()
    lag.end_if_stalled_for_long()
    assert not ended, "it moved"


def test_a_member_without_partitions_stands_still_where_its_whole_group_does() -> None:
    offsets, readiness = Offsets(), Readiness("the test")
    readiness.ready()
    offsets.by_topic = {POSTS_RAW.name: remaining(POSTS_RAW.name, (3, 9), (0, 70))}
    lag = LagMonitor(cast(GroupOffsets, offsets), [POSTS_RAW], list, readiness, 0)
    lag.look()
    offsets.by_topic = {POSTS_RAW.name: remaining(POSTS_RAW.name, (3, 10), (5, 70))}
    lag.look()
    assert readiness.stalled is None, "another member works"
    lag.look()
    assert readiness.stalled is not None and readiness.stalled.startswith("posts.raw: 72 records wait")


def test_a_process_whose_main_loop_is_silent_ends_whatever_the_lag() -> None:
    readiness, ended = Readiness("its partitions"), list[bool]()
    lag = LagMonitor(cast(GroupOffsets, Offsets()), [], list, readiness, 0, lambda: ended.append(True))
    readiness.beat(60)
    for _ in range(2):
        lag.end_if_stalled_for_long()
    assert not ended
    readiness.beat(-1)
    lag.end_if_stalled_for_long()
    assert not ended, "its patience is over once"
    lag.end_if_stalled_for_long()
    assert ended


def test_a_process_that_waits_for_a_store_is_not_taken_for_dead() -> None:
    offsets, readiness = Offsets(), Readiness("a store: MongoDB does not answer")
    offsets.by_topic = {t.name: remaining(t.name, (0, 10)) for t in (POSTS_RAW, POSTS_BACKFILL)}
    lag = monitor(offsets, readiness)
    for _ in range(3):
        lag.look()
    assert readiness.stalled is None
    readiness.ready()
    for _ in range(3):
        lag.look()
    assert readiness.stalled is not None


def test_markers_of_transactions_are_lag_for_ever_and_no_stall() -> None:
    offsets, readiness = Offsets(), Readiness("the test")
    readiness.ready()
    offsets.by_topic = {t.name: remaining(t.name, (9, 10)) for t in (POSTS_RAW, POSTS_BACKFILL)}
    offsets.markers_only, lag = True, monitor(offsets, readiness)
    for _ in range(4):
        lag.look()
    assert readiness.stalled is None
    assert offsets.read == 2, "each topic once, while nothing changes"
    offsets.markers_only = False
    offsets.by_topic[POSTS_RAW.name] = remaining(POSTS_RAW.name, (9, 11))
    lag.look()
    assert readiness.stalled is not None, "a record came behind the markers, and is not done"


def test_topics_are_made_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMPETREL_KAFKA__TOPICS", '{"posts.raw": {"partitions": 24, "retention_days": 0.5}}')
    monkeypatch.setenv("STORMPETREL_KAFKA__MIN_INSYNC_REPLICAS", "2")
    kafka = Settings().kafka
    topic = topic_as_set(kafka, POSTS_RAW)
    assert topic.partitions == 24
    assert topic.configuration() == {
        "cleanup.policy": "delete",
        "retention.ms": str(DAY_MS // 2),
        "min.insync.replicas": "2",
        "segment.ms": str(DAY_MS // 20),
    }
    assert topic_as_set(kafka, POSTS_ENRICHED).partitions == 12
    for_ever = Kafka.model_validate({"topics": {"posts.raw": {"retention_days": -1}}})
    assert topic_as_set(for_ever, POSTS_RAW).retention_ms == -1
    with pytest.raises(ValueError, match="partitions"):
        Kafka.model_validate({"topics": {"posts.raw": {"partitions": 0}}})


def test_the_workers_folder_is_made_or_its_absence_explained(tmp_path: Path) -> None:
    assert data_folder(tmp_path / "not" / "there").is_dir()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SetupError, match=r"set local\.directory"):
        data_folder(tmp_path / "file")


def test_no_record_keeps_a_worker_from_starting() -> None:
    log, remembered = MemoryLog(partitions=1), list[str]()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for post_id in ("x:1", "x:2", "x:3"):
        post = Post(post_id=post_id, source="file", text="flood", created_at=at, ingested_at=at)
        event = EnrichedPost(post=post, clean_text="flood", language="en", language_confidence=1, enriched_at=at)
        log.append(record_of_event(POSTS_ENRICHED, post_id, event))
    log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:4", b"{", {"schema": b"\xff", "\ufffd": b""}))

    def remember(event: EnrichedPost) -> None:
        if event.post.post_id == "x:2":
            raise OverflowError("date value out of range")
        remembered.append(event.post.post_id)

    enricher = SimpleNamespace(remember=remember, window=remembered)
    assert warm_window(cast(Enricher, enricher), newest_posts(MemoryTopicReader(log), 100)) == 2
    assert remembered == ["x:1", "x:3"]
