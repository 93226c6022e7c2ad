"""The demo's night goes through a Jetstream server and the real client where its posts are Bluesky's, in step with the
rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from consumers.sources.files import files_in, lines
from stormpetrel.cli.demo_live import live_night
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.demo.night import flood_night, write_night
from stormpetrel.log.memory import MemoryLog, MemoryProducer
from tests.unit.live_runs import NAMES


def play(log: MemoryLog, stream: Path) -> tuple[int, Counter[str]]:
    with live_night(MemoryProducer(log), MemoryProducer(log), NAMES) as night:
        night.play(lines(files_in(stream)))
    return night.streamed, night.counts


def test_every_post_of_the_night_comes_once_and_bluesky_s_come_by_the_client(tmp_path: Path) -> None:
    log = MemoryLog(partitions=1)
    stream = write_night(tmp_path, size=500, seed=7)
    streamed, counts = play(log, stream)
    night = flood_night(500, 7)
    expected = Counter(NAMES.post_id(post.post_id) for post in night)
    keys = [(record.key or b"").decode() for record in log.records(POSTS_RAW.name)]
    assert Counter(keys) == expected
    assert streamed == sum(post_id.startswith("bsky:") for post_id in expected) > 30
    assert counts == {"published": 500, "dead": 1}
    # In step: no post stands further from its place than the steps allow.
    place = {NAMES.post_id(post.post_id): number for number, post in enumerate(night)}
    assert max(abs(place[key] - number) for number, key in enumerate(keys)) <= 120


def test_the_next_demo_begins_anew(tmp_path: Path) -> None:
    log = MemoryLog()
    stream = write_night(tmp_path, size=100, seed=3)
    assert play(log, stream) == play(log, stream)
