"""Bluesky's Jetstream, read through breaks, kills and nonsense: nothing lost, nothing doubled, and a gap is said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from consumers.sources import bluesky as module
from consumers.sources.bluesky import BlueskySource
from consumers.sources.live_source import Disconnected
from stormpetrel.core.events import PostDeleted, SourceGap, SourcePosition
from stormpetrel.core.source_settings import Bluesky
from stormpetrel.core.topics import POSTS_RAW, SOURCE_GAPS, SOURCE_POSITIONS
from stormpetrel.log.memory import MemoryLog
from tests.source_servers.jetstream import FIRST_US, STEP_US, Jetstream, at_random, commit, post_id, running
from tests.unit.live_runs import NAMES, published, run_until


@pytest.fixture(autouse=True)
def short_rewinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of these tests are a millisecond apart: a rewind of 50 of them."""
    monkeypatch.setattr(module, "REWIND_US", 50 * STEP_US)
    monkeypatch.setattr(module, "OTHER_HOST_REWIND_US", 200 * STEP_US)


def source(jetstream: Jetstream, **more: object) -> BlueskySource:
    return BlueskySource(Bluesky(hosts=(jetstream.url,), **{"silence_s": 0.5, **more}))  # type: ignore[arg-type]


def kept_id(number: int) -> str:
    """The id under which a post is published: without its author's."""
    return NAMES.post_id(post_id(number))


def test_nothing_is_lost_or_doubled_over_disconnects_and_kills() -> None:
    count, log = 1500, MemoryLog()
    misbehave = at_random(7, 200, ("drop", "half", "repeat"))
    with running(Jetstream([commit(n) for n in range(count)], misbehave, disorder=5)) as jetstream:
        run_until(log, lambda: source(jetstream), lambda: len(published(log)) == count, kills=4, between_kills=500)
    assert jetstream.disconnects >= 3
    assert published(log) == {kept_id(n): 1 for n in range(count)}


def test_a_stall_and_refusals_are_survived_and_the_next_host_is_tried() -> None:
    log, stalls = MemoryLog(), iter(["stall"])
    with (
        running(Jetstream([commit(n) for n in range(50)], lambda: next(stalls, None), refusals=[429, 503])) as first,
        running(Jetstream([commit(n) for n in range(100)])) as second,
    ):
        both = Bluesky(hosts=(first.url, second.url), silence_s=0.3)
        run_until(log, lambda: BlueskySource(both), lambda: len(published(log)) == 100)
    assert first.refusals == [503]
    assert second.asked


def test_frames_come_as_zstd_by_the_dictionary(tmp_path: Path) -> None:
    from backports import zstd

    events = [commit(n) for n in range(300)]
    dictionary = zstd.train_dict([json.dumps(event).encode() for event in events] * 4, 4096).dict_content
    (tmp_path / "dictionary").write_bytes(dictionary)
    log = MemoryLog()
    with running(Jetstream(events, dictionary=dictionary)) as jetstream:
        opened = lambda: source(jetstream, zstd_dictionary=tmp_path / "dictionary")  # noqa: E731
        run_until(log, opened, lambda: len(published(log)) == 300)
    assert jetstream.asked[0]["compress"] == ["true"]


def test_deletions_come_through_and_what_is_no_event_goes_to_the_dead_letters() -> None:
    log = MemoryLog()
    nonsense = {"time_us": FIRST_US + 5, "did": 7, "kind": "commit", "commit": {"collection": "app.bsky.feed.post"}}
    identity = {"time_us": FIRST_US + 6, "did": "did:plc:a", "kind": "identity", "identity": {}}
    with running(Jetstream([commit(0), nonsense, identity, commit(1), commit(1, operation="delete")])) as jetstream:
        run_until(log, lambda: source(jetstream), lambda: len(log.records(POSTS_RAW.name)) == 3)
    deleted = [record.decode(PostDeleted) for record in log.records(POSTS_RAW.name) if b"deleted_at" in record.value]
    assert [event.post_id for event in deleted] == [kept_id(1)]
    (letter,) = log.records(POSTS_RAW.dead().name)
    assert letter.header("stage") == "source bluesky"


def test_it_asks_for_what_it_wants_and_goes_on_where_it_was() -> None:
    log = MemoryLog()
    jetstream = Jetstream([commit(n) for n in range(10)])
    with running(jetstream):
        run_until(log, lambda: source(jetstream), lambda: len(published(log)) == 10)
        jetstream.events = [commit(n) for n in range(20)]
        run_until(log, lambda: source(jetstream), lambda: len(published(log)) == 20)
    assert "cursor" not in jetstream.asked[0]
    assert jetstream.asked[0]["wantedCollections"] == ["app.bsky.feed.post"]
    assert int(jetstream.asked[1]["cursor"][0]) <= FIRST_US + 9 * STEP_US
    assert not log.records(SOURCE_GAPS.name)
    newest = log.records(SOURCE_POSITIONS.name)[-1].decode(SourcePosition)
    assert newest.position == str(FIRST_US + 19 * STEP_US)


def test_what_the_network_forgot_is_said() -> None:
    log = MemoryLog()
    jetstream = Jetstream([commit(n) for n in range(10)])
    with running(jetstream):
        run_until(log, lambda: source(jetstream), lambda: len(published(log)) == 10)
        jetstream.events, jetstream.forgotten = [commit(n) for n in range(3000)], 2000
        run_until(log, lambda: source(jetstream), lambda: len(published(log)) == 1010)
    (record,) = log.records(SOURCE_GAPS.name)
    gap = record.decode(SourceGap)
    assert gap.since is not None and gap.until is not None
    assert round((gap.until - gap.since).total_seconds() * 1000) == 2000 - 9


def test_the_broker_away_for_a_while_loses_nothing() -> None:
    log = MemoryLog()
    with running(Jetstream([commit(n) for n in range(500)], at_random(3, 300, ("drop",)))) as jetstream:

        def done() -> bool:
            log.available = time.monotonic() > back_at
            return log.available and len(published(log)) == 500

        back_at = time.monotonic() + 0.5
        run_until(log, lambda: source(jetstream), done)
    assert published(log) == {kept_id(n): 1 for n in range(500)}


def test_no_host_is_said_and_a_host_that_is_away_is_no_fault() -> None:
    with pytest.raises(Disconnected, match="does not answer"):
        BlueskySource(Bluesky(hosts=("ws://127.0.0.1:9",))).connect(None)
