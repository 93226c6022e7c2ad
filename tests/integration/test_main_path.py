"""The story of the product: posts in through Kafka, a fused answer out; nothing lost when parts die."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.demo.night import flood_night
from stormpetrel.log import OutgoingRecord, read_dead_letters
from tests.integration.running import COLLECTION, RunningSystem, wait_until, write_posts

pytestmark = pytest.mark.integration


def test_every_post_is_in_both_stores_once(night: RunningSystem) -> None:
    found = night.verify()
    assert found.whole, found
    assert found.expected == found.documents == found.vectors >= 600


def test_a_text_finds_the_flood_and_not_the_noise(night: RunningSystem) -> None:
    truth = {night.pseudonyms.post_id(written.post_id): written for written in flood_night(600, 7)}
    within = {"since": "2025-11-04T00:00:00Z", "until": "2025-11-06T00:00:00Z"}
    answer = night.search(text="flooded streets, people trapped by water", filters=within, limit=100)
    # Posts of other tests stand in the same system.
    right = [truth[hit["post_id"]].flood for hit in answer["hits"] if hit["post_id"] in truth][:20]
    assert len(right) == 20
    assert sum(right) >= 18
    assert set(answer["lists"]) == {"text", "lexical"}


def test_a_radius_leaves_out_what_lies_outside_and_a_time_ranks(night: RunningSystem) -> None:
    answer = night.search(
        text="strade allagate",
        place={"longitude": 8.48, "latitude": 44.31, "radius_km": 10},
        time="2025-11-04T20:00:00Z",
        limit=10,
    )
    assert set(answer["lists"]) == {"text", "lexical", "time"}
    assert len(answer["hits"]) == 10
    for hit in answer["hits"]:
        assert any(place["name"] == "Savona" or place["kind"] == "point" for place in hit["post"]["places"])
    assert set(answer["as_of"]) == {"text", "lexical", "visual", "concepts", "space", "time"}


def test_a_repeat_is_counted_and_not_embedded(night: RunningSystem) -> None:
    truth = flood_night(600, 7)
    repeats = Counter(written.repeats for written in truth if written.repeats)
    original, times = repeats.most_common(1)[0]
    shown = night.api("GET", f"/v1/posts/{original}").json()
    found = shown if shown["duplicate_of"] is None else night.api("GET", f"/v1/posts/{shown['duplicate_of']}").json()
    assert found["duplicate_count"] >= times
    copy = found["duplicate_ids"][0]
    assert night.index.vectors(COLLECTION, [copy], ["text"]) == {copy: {}}
    assert night.documents.get("posts", [copy])[copy]["text_model"] is None


def test_most_repeats_of_the_night_are_recognised(night: RunningSystem) -> None:
    truth = [written for written in flood_night(600, 7) if written.repeats]
    kept = {entity: night.pseudonyms.post_id(entity) for each in truth for entity in (each.post_id, str(each.repeats))}
    documents = night.documents.get("posts", [*kept.values()])
    group = {entity: documents[post_id]["duplicate_of"] or post_id for entity, post_id in kept.items()}
    # Played flat out, a repeat may overtake its original on another partition: then the original is the copy.
    together = sum(group[written.post_id] == group[str(written.repeats)] for written in truth)
    assert together >= 0.95 * len(truth)


def test_a_broken_record_is_a_dead_letter_with_its_bytes_and_reason(night: RunningSystem) -> None:
    letters = [letter for letter in read_dead_letters(night.reader, POSTS_RAW) if b"cut off" in letter.record.value]
    assert letters
    assert "not JSON" in letters[0].reason
    assert letters[0].provenance == "night.jsonl:401"


def test_a_record_that_is_no_post_dies_in_the_worker_alone(night: RunningSystem) -> None:
    producer = night.producer()
    producer.send(OutgoingRecord("posts.raw", b"x:broken", b'{"schema_version": 1, "text": 7}', {"schema": b"Post"}))
    producer.send(OutgoingRecord("posts.raw", b"x:future", b'{"schema_version": 99}', {"schema": b"Post"}))
    producer.flush()
    night.wait_until_worked_through()
    letters = {letter.record.key: letter for letter in read_dead_letters(night.reader, POSTS_RAW) if letter.record.key}
    assert letters[b"x:broken"].stage == "enrich"
    assert "post_id" in letters[b"x:broken"].reason
    assert "version 99" in letters[b"x:future"].reason
    assert night.verify().whole


def test_a_deleted_post_leaves_both_stores(night: RunningSystem, tmp_path: Path) -> None:
    status = {
        "id": "777001",
        "created_at": "2025-11-04T20:00:00Z",
        "content": "<p>Acqua ovunque, aiuto a Chiavari</p>",
        "account": {"id": "1"},
        "language": "it",
    }
    night.replay(write_posts(tmp_path / "new.jsonl", [status]))
    night.wait_until_worked_through()
    assert night.api("GET", "/v1/posts/mastodon:777001").status_code == 200
    night.replay(write_posts(tmp_path / "gone.jsonl", [{"event": "delete", "payload": "777001"}]))
    night.wait_until_worked_through()
    assert night.api("GET", "/v1/posts/mastodon:777001").status_code == 404
    assert night.verify().whole


def test_a_post_is_found_soon_after_it_was_said(night: RunningSystem, tmp_path: Path) -> None:
    text = "Zwei Boote treiben auf dem Marktplatz von Lübeck, die Trave steigt weiter"
    night.replay(
        write_posts(tmp_path / "now.jsonl", [{"id": "now-1", "text": text, "created_at": "2026-01-01T00:00:00Z"}])
    )
    wait_until(
        lambda: night.search(text=text, limit=1)["hits"][0]["post_id"] == "file:now-1",
        15,
        "the new post is found first",
    )


def test_indexing_the_log_again_changes_nothing(night: RunningSystem) -> None:
    before = {
        entity: night.documents.get("posts", [entity])[entity] for entity in sorted(night.documents.ids("posts"))[:50]
    }
    freshness = night.documents.get("freshness", ["time", "text"])
    night.stop("index")
    # The group is set back to the first record of every partition.
    consumer = Consumer({"bootstrap.servers": night.kafka.bootstrap, "group.id": "stormpetrel-index"})
    consumer.commit(offsets=[TopicPartition("posts.enriched", p, 0) for p in range(12)], asynchronous=False)
    consumer.close()
    night.start("index", "consume", "index")
    night.wait_until_worked_through()
    assert night.verify().whole
    assert {entity: night.documents.get("posts", [entity])[entity] for entity in before} == before
    assert night.documents.get("freshness", ["time", "text"]) == freshness


def _numbered(prefix: str, count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"{prefix}-{n}",
            "text": f"Report {n} of station {prefix}: water level {n * 3} cm",
            "created_at": "2026-02-01T00:00:00Z",
        }
        for n in range(count)
    ]


def test_killing_the_worker_in_the_middle_of_the_stream_loses_nothing(night: RunningSystem, tmp_path: Path) -> None:
    night.replay(write_posts(tmp_path / "kill-worker.jsonl", _numbered("kw", 600)))
    night.wait_until_in_work("worker", 600)
    night.kill("worker")
    assert 0 < night.lag("worker") < 600, "posts were in work when it was killed"
    night.start("worker", "worker")
    night.wait_until_worked_through()
    held = night.documents.get("posts", [f"file:kw-{n}" for n in range(600)])
    assert len(held) == 600
    assert night.verify().whole


def test_killing_the_index_consumer_in_the_middle_of_a_batch_loses_nothing(
    night: RunningSystem, tmp_path: Path
) -> None:
    night.stop("index")
    night.replay(write_posts(tmp_path / "kill-index.jsonl", _numbered("ki", 600)))
    wait_until(lambda: night.lag("worker") == 0, 120, "all is enriched")
    left = night.lag("index")
    assert left == 600
    for _ in range(3):
        # Event by event, and not waited for: a whole batch would be done before the first look.
        night.start("index", "consume", "index", wait=False, STORMPETREL_INDEX__BATCH="1")
        left = night.wait_until_in_work("index", left)
        night.kill("index")
        assert night.lag("index") > 0, "events were in work when it was killed"
    night.start("index", "consume", "index")
    night.wait_until_worked_through()
    assert len(night.documents.get("posts", [f"file:ki-{n}" for n in range(600)])) == 600
    assert night.verify().whole


def test_a_restarted_worker_still_knows_whose_copy_is_whose(night: RunningSystem, tmp_path: Path) -> None:
    text = "Der Damm bei Wittenberge hält, sagen die Helfer am Morgen der Flut"
    night.replay(
        write_posts(tmp_path / "one.jsonl", [{"id": "dam-1", "text": text, "created_at": "2026-01-02T00:00:00Z"}])
    )
    night.wait_until_worked_through()
    night.stop("worker")
    night.start("worker", "worker")
    night.replay(
        write_posts(
            tmp_path / "two.jsonl", [{"id": "dam-2", "text": f"RT @a: {text}!", "created_at": "2026-01-02T01:00:00Z"}]
        )
    )
    night.wait_until_worked_through()
    assert night.api("GET", "/v1/posts/file:dam-2").json()["duplicate_of"] == "file:dam-1"


def test_all_processes_end_by_themselves_when_they_are_told_to(night: RunningSystem) -> None:
    night.start_pipeline()
    codes = {name: night.stop(name) for name in ("serve", "worker", "index")}
    assert set(codes.values()) <= {0, -signal.SIGTERM}, codes
