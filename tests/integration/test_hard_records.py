"""What once stopped the system: records that no code expected, frozen processes, a group that does not balance."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import orjson
import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.events import Post, encode
from stormpetrel.core.topics import ANNOTATIONS, POSTS_ENRICHED, POSTS_RAW
from stormpetrel.log import OutgoingRecord, read_dead_letters
from stormpetrel.log.consumer import REJOIN_WITHIN_S, KafkaConsumer
from tests.integration.running import RunningSystem, wait_until, write_posts
from tests.unit.odd_headers import send_with_odd_header_name

pytestmark = pytest.mark.integration


def post(post_id: str, text: str = "Acqua alta a Genova") -> bytes:
    return encode(Post(post_id=post_id, source="file", text=text, created_at=now(), ingested_at=now()))


def test_no_record_stops_the_worker_or_the_index_consumer(night: RunningSystem) -> None:
    pids = {name: night.ours[name].pid for name in ("worker", "index", "serve")}
    producer = night.producer()
    late = orjson.dumps({**orjson.loads(post("file:late")), "created_at": "9999-12-31T23:59:59-14:00"})
    annotation = {"schema_version": 2, "annotation_id": "a", "annotated_at": "9999-12-31T23:59:59-14:00"}
    for topic, key, value, headers in (
        (POSTS_RAW, b"file:many", post("file:many", "Genova, " * 2500), {"schema": b"Post"}),
        (POSTS_RAW, b"file:brackets", post("file:brackets", "(" * 20_000), {"schema": b"Post"}),
        (POSTS_RAW, b"file:late", late, {"schema": b"Post"}),
        (POSTS_RAW, b"file:null", post("file:null"), {"schema": None}),
        (POSTS_RAW, b"file:bytes", post("file:bytes"), {"schema": b"\xff\xfe"}),
        (POSTS_RAW, None, b"", {}),
        (POSTS_RAW, b"file:nest", b"[" * 100_000, {"schema": b"Post"}),
        (POSTS_ENRICHED, b"file:tomb", b"", {"schema": b"EnrichedPost"}),
        (POSTS_ENRICHED, b"file:tomb", b"\x00" * 800_000, {"schema": b"EnrichedPost"}),
        (ANNOTATIONS, b"posts/x", orjson.dumps(annotation), {"schema": b"Annotation"}),
        (ANNOTATIONS, b"posts/x", b"", {"schema": None}),
    ):
        producer.send(OutgoingRecord(topic.name, key, value, headers))  # type: ignore[arg-type]
    producer.flush()
    send_with_odd_header_name(night.kafka.bootstrap, POSTS_RAW.name, "file:odd-raw", post("file:odd-raw"), "Post")
    send_with_odd_header_name(night.kafka.bootstrap, POSTS_ENRICHED.name, "file:odd-enriched", b"{}", "EnrichedPost")
    send_with_odd_header_name(night.kafka.bootstrap, ANNOTATIONS.name, "posts/x", b"{}", "Annotation")
    producer.send(OutgoingRecord(POSTS_RAW.name, b"file:last", post("file:last"), {"schema": b"Post"}))
    producer.flush()
    night.wait_until_worked_through(30)
    wait_until(lambda: len(list(read_dead_letters(night.reader, ANNOTATIONS))) >= 3, 60, "the annotations are refused")
    assert {name: night.ours[name].pid for name in pids} == pids
    assert all(night.ours[name].poll() is None for name in pids)
    kept = night.documents.get("posts", [f"file:{name}" for name in ("many", "null", "odd-raw", "last")])
    assert len(kept["file:many"]["places"]) == 1 and "5,000 of 20,000" in kept["file:many"]["limits"][0]
    assert kept.keys() == {"file:many", "file:null", "file:odd-raw", "file:last"}
    letters = {letter.record.key: letter for letter in read_dead_letters(night.reader, POSTS_RAW)}
    assert {b"file:late", b"file:bytes", b"file:nest", None} <= letters.keys()
    assert all(letter.reason and letter.provenance for letter in letters.values())
    assert night.api("GET", "/v1/labels").status_code == 200, "the view of annotations goes on"
    # A new worker reads the same topics.
    night.stop("worker")
    night.start("worker", "worker")


def numbered(path: Path, prefix: str, count: int) -> Path:
    posts = [
        {"id": f"{prefix}-{n}", "text": f"{prefix} {n} on gauge {n * 7}", "created_at": "2026-02-01T00:00:00Z"}
        for n in range(count)
    ]
    return write_posts(path / f"{prefix}.jsonl", posts)


def test_frozen_processes_join_their_groups_again_and_lose_nothing(night: RunningSystem, tmp_path: Path) -> None:
    night.replay(numbered(tmp_path, "ice", 500))
    night.wait_until_in_work("worker", 500)
    for name in ("worker", "index"):
        os.killpg(night.ours[name].pid, signal.SIGSTOP)
    assert night.lag("worker") > 0, "posts were in work when it was frozen"
    time.sleep(9)  # the group gives the partitions away after 6 s
    for name in ("worker", "index"):
        os.killpg(night.ours[name].pid, signal.SIGCONT)
    index = night.ours["index"].pid

    def worked_through() -> bool:
        night.start_pipeline()  # as a supervisor does, where a process has ended
        return not any(night.lag(name) for name in ("worker", "index", "worker", "index"))

    wait_until(worked_through, 120, "all is worked through")
    assert night.ours["index"].pid == index and night.ours["index"].poll() is None
    assert len(night.documents.get("posts", [f"file:ice-{n}" for n in range(500)])) == 500
    assert night.verify().whole


def test_two_members_share_the_partitions_of_every_topic(system: RunningSystem) -> None:
    topics = {"posts.enriched": 12, "incidents": 6, "products.announced": 6, "patches.described": 12}
    members = [KafkaConsumer(system.kafka, "sharing") for _ in range(2)]
    for member in members:
        member.subscribe(list(topics), lambda: None)

    def shares() -> list[Counter[str]]:
        for member in members:
            member.consume(1, 0.2)
        return [Counter(topic for topic, _ in member.assigned()) for member in members]

    half = {topic: partitions // 2 for topic, partitions in topics.items()}
    wait_until(lambda: shares() == [half, half], 30, "both members have half of each topic")
    for member in members:
        member.close()


DIES_IN_ITS_GROUP = """
import asyncio, os, sys
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

async def join():
    address, group, rejoin_within_ms = sys.argv[1:]
    member = AIOKafkaConsumer(
        "posts.enriched",
        bootstrap_servers=address,
        group_id=group,
        session_timeout_ms=600_000,
        rebalance_timeout_ms=int(rejoin_within_ms),
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
    )
    await member.start()
    while not member.assignment():
        await asyncio.sleep(0.1)
    os._exit(0)

asyncio.run(join())
"""


def test_a_dead_member_whose_session_the_broker_has_forgotten_does_not_hold_its_group_up(system: RunningSystem) -> None:
    """As after a broker's restart in which it loads the group twice at once: a session that does not end."""
    arguments = [system.kafka.bootstrap, f"{system.kafka.group_prefix}-forgotten", str(int(REJOIN_WITHIN_S * 1000))]
    subprocess.run([sys.executable, "-c", DIES_IN_ITS_GROUP, *arguments], check=True, timeout=60)
    member = KafkaConsumer(system.kafka, "forgotten")
    member.subscribe(["posts.enriched"], lambda: None)

    def has_all() -> bool:
        member.consume(1, 0.2)
        return len(member.assigned()) == 12

    wait_until(has_all, 60, "the living member has all partitions")
    member.close()


def test_old_posts_wait_for_new_ones(night: RunningSystem, tmp_path: Path) -> None:
    night.stop("worker")
    night.replay(numbered(tmp_path, "archive", 800), "--backfill")
    night.replay(numbered(tmp_path, "fresh", 300))
    night.start("worker", "worker")
    night.wait_until_worked_through()
    enriched = sorted(
        (record.timestamp_ms, record.key)
        for record in night.reader.read(POSTS_ENRICHED)
        if record.key and record.key.startswith((b"file:archive", b"file:fresh"))
    )
    assert len(enriched) == 1100
    last_fresh = max(place for place, (_, key) in enumerate(enriched) if key.startswith(b"file:fresh"))
    ahead = sum(key.startswith(b"file:archive") for _, key in enriched[:last_fresh])
    assert ahead < 400, f"{ahead} old posts were enriched before the last new one"
    assert night.verify().whole


def test_the_lag_and_the_age_of_the_newest_record_are_metrics(night: RunningSystem) -> None:
    for name, topic in (("worker", "posts.raw"), ("index", "posts.enriched")):
        text = httpx.get(f"http://127.0.0.1:{night.ports[name]}/metrics").text
        assert (
            sum(line.startswith('stormpetrel_lag_records{partition="') and topic in line for line in text.splitlines())
            == 12
        )
        assert f'stormpetrel_freshness_seconds{{topic="{topic}"}}' in text
