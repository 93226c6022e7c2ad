"""What networks send by mistake or in bad faith: ten thousand links, dates without a zone, ids that change type, half a
line, a server that closes again and again. Nothing of it stops a source, and nothing is dropped in silence."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from consumers.sources.live_source import Disconnected, Refused
from consumers.sources.mastodon import MastodonSource
from consumers.sources.server_sent_events import LARGEST_EVENT, EventParser
from stormpetrel.core.events import Post, PostDeleted
from stormpetrel.core.source_settings import Mastodon
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.memory import MemoryLog, MemoryProducer
from stormpetrel.posts.post_publisher import PostPublisher
from tests.source_servers.jetstream import FIRST_US, Jetstream, commit, running
from tests.source_servers.mastodon import MastodonServer, status
from tests.source_servers.mastodon import running as mastodon_running
from tests.unit.live_runs import NAMES, published, run_until
from tests.unit.test_bluesky_source import source as bluesky_source

MOMENT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


def taken(*records: dict[str, Any]) -> tuple[list[Post | PostDeleted], list[str]]:
    """What becomes of records: the events on the log, and the reasons of the dead letters."""
    log = MemoryLog(partitions=1)
    publisher = PostPublisher(MemoryProducer(log), "test", pseudonyms=NAMES)
    for record in records:
        publisher.take(orjson.dumps(record), "test/1")
    publisher.flush()
    events = [record.decode(Post, PostDeleted, default=Post) for record in log.records(POSTS_RAW.name)]
    return events, [str(letter.header("reason")) for letter in log.records(POSTS_RAW.dead().name)]


def frame(one: dict[str, Any]) -> dict[str, Any]:
    return {"event": "update", "payload": orjson.dumps(one).decode(), "server": "social.example"}


def x_post(**more: Any) -> dict[str, Any]:
    return {"data": {"id": "17", "text": "flood", "created_at": "2026-09-21T14:13:20.000Z"} | more}


def test_ten_thousand_links_are_a_post_or_a_dead_letter_with_the_reason() -> None:
    links = " ".join(f"https://h.io/{number}" for number in range(10_000))
    html = " ".join(f'<a href="https://h.io/{number}">here</a>' for number in range(10_000))
    media = [{"type": "image", "url": f"https://h.io/{number}.jpg"} for number in range(10_000)]
    records = (
        commit(1, links),
        frame(status(1, content=html)),
        frame(status(2, media_attachments=media)),
        x_post(text=links),
    )
    events, reasons = taken(*records)
    assert len(events) + len(reasons) == len(records)
    assert len(reasons) >= 3
    assert all("20000" in reason or "1000 items" in reason for reason in reasons), reasons


@pytest.mark.parametrize("written", ["2026-09-21T14:13:20", "2026-09-21T14:13:20.000Z", "2026-09-21T16:13:20+02:00"])
def test_dates_with_and_without_a_zone_are_one_moment(written: str) -> None:
    bluesky = commit(1)
    bluesky["commit"]["record"]["createdAt"] = written
    events, reasons = taken(bluesky, frame(status(1, created_at=written)), x_post(created_at=written))
    assert not reasons
    assert [event.created_at for event in events if isinstance(event, Post)] == [MOMENT] * 3


def test_an_id_that_is_a_number_once_and_a_text_the_next_time_is_one_post() -> None:
    events, reasons = taken(x_post(id=17), x_post(id="17"), frame(status(0, id=10_000)), frame(status(0, id="10000")))
    assert not reasons
    assert len({event.post_id for event in events}) == 2


@pytest.mark.parametrize("value", [True, None, 1.7e18, [17], {"id": 17}, ""])
def test_an_id_that_may_have_lost_digits_is_a_dead_letter(value: Any) -> None:
    events, reasons = taken(x_post(id=value), frame(status(1, id=value)))
    assert not events
    assert len(reasons) == 2 and all(reason.strip() for reason in reasons)


def test_a_deletion_finds_its_post_whatever_type_its_id_has() -> None:
    deletions = ({"event": "delete", "payload": value, "server": "social.example"} for value in ("10000", 10_000))
    events, _ = taken(*deletions)
    assert {event.post_id for event in events} == {"mastodon:social.example/10000"}


def test_a_record_that_meets_a_fault_of_ours_is_a_dead_letter_and_the_next_one_is_read() -> None:
    class Faulty:
        def lets_through(self, post: Post) -> bool:
            return bool(1 // (len(post.text) - 5))

    log = MemoryLog(partitions=1)
    publisher = PostPublisher(MemoryProducer(log), "test", gate=Faulty(), pseudonyms=NAMES)
    for text in ("flood", "the flood"):
        publisher.take(orjson.dumps(x_post(text=text)), "test/1")
    publisher.flush()
    (letter,) = log.records(POSTS_RAW.dead().name)
    assert "ZeroDivisionError" in str(letter.header("reason"))


def test_a_stream_without_a_line_end_does_not_fill_the_memory() -> None:
    parser = EventParser()
    with pytest.raises(ValueError, match="larger than"):
        for _ in range(3 * LARGEST_EVENT // 100_000):
            parser.feed(b"x" * 100_000)


def test_a_stream_of_data_lines_without_an_end_does_not_fill_the_memory() -> None:
    parser = EventParser()
    with pytest.raises(ValueError, match="larger than"):
        for _ in range(3 * LARGEST_EVENT // 100_000):
            parser.feed(b"data: " + b"x" * 100_000 + b"\n")


def test_a_host_that_closes_each_connection_after_a_few_frames_loses_nothing() -> None:
    count, log, frames = 300, MemoryLog(), iter(range(10**6))
    events = [commit(n) | {"time_us": FIRST_US + 100_000 * n} for n in range(count)]  # two seconds back are 20 posts
    close_often = Jetstream(events, lambda: "drop" if next(frames) % 60 == 59 else None)
    with running(close_often) as jetstream:
        run_until(log, lambda: bluesky_source(jetstream), lambda: len(published(log)) == count)
    assert jetstream.disconnects >= 4
    assert set(published(log).values()) == {1}


def test_a_page_in_place_of_a_timeline_is_a_break_and_a_wrong_key_a_refusal() -> None:
    with mastodon_running(MastodonServer()) as server:
        opened = MastodonSource(server.url, Mastodon(hashtags=("flood",), every_s=0.05))
        server.refusals = [401]
        with pytest.raises(Refused, match=r"sources\.mastodon\.tokens"):
            opened.connect(None)
        server.refusals = [500]
        with pytest.raises(Disconnected, match="500"):
            opened.connect(None)
        server.statuses = [{"id": 10_001}, {"id": "10002"}, "no status", {"no": "id"}]  # type: ignore[list-item]
        opened.connect(None)
        assert len(opened.read(0.1)) == 2  # the publisher says what they lack
        opened.close()
    assert threading.active_count() < 50
