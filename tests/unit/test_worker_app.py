"""The worker's Faust app on librdkafka's own broker for tests: poison, back-fill, and every post once in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from stormpetrel.core.events import EnrichedPost, Post
from stormpetrel.core.settings import Kafka, Settings
from stormpetrel.core.topics import (
    ANNOTATIONS,
    MODELS_UPDATED,
    POSTS_BACKFILL,
    POSTS_ENRICHED,
    POSTS_MATCHED,
    POSTS_PHOTOS,
    POSTS_RAW,
    Topic,
)
from stormpetrel.log import OutgoingRecord, Record, read_dead_letters, record_of_event
from stormpetrel.log.lag import GroupOffsets
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.process.probes import Readiness
from streams.app import Works, assemble, build_app, data_folder
from streams.enrich import EnrichBatch
from streams.header_names import accept_any_header_name
from tests.unit.odd_headers import send_with_odd_header_name
from tests.unit.test_kafka_clients import kafka  # noqa: F401 - a fixture
from tests.unit.test_stream_agents import AT, TinyEnricher

TOPICS = (POSTS_RAW, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_PHOTOS, POSTS_MATCHED, ANNOTATIONS, MODELS_UPDATED)


class SlowEnricher(TinyEnricher):
    def enrich(self, posts: Sequence[Post], gated: Collection[str] = ()) -> list[EnrichedPost]:
        time.sleep(0.005 * len(posts))
        return super().enrich(posts)


async def give_nothing(records: Sequence[Record]) -> list[OutgoingRecord]:
    return []


def write(producer: KafkaProducer, topic: Topic, prefix: str, count: int) -> None:
    for number in range(count):
        post = Post(post_id=f"x:{prefix}{number}", source="file", text="flood", created_at=AT, ingested_at=AT)
        producer.send(record_of_event(topic, post.post_id, post))
    producer.flush()


async def work_through(settings: Settings, folder: Path, readiness: Readiness) -> list[bool]:
    """Runs the app until no post is left; whether old posts were held back, at each look."""
    accept_any_header_name()
    app = build_app(settings, data_folder(folder))
    enrich = EnrichBatch(SlowEnricher())  # type: ignore[arg-type]
    lag = assemble(app, settings, Works(enrich, give_nothing, give_nothing, give_nothing), readiness)
    offsets, looks, deadline = GroupOffsets(settings.kafka, "worker"), list[bool](), time.monotonic() + 60
    await app.start()
    while time.monotonic() < deadline:
        await asyncio.sleep(0.25)
        looks.append(POSTS_BACKFILL.name in lag.held_back)
        left = [part.lag for topic in (POSTS_RAW, POSTS_BACKFILL) for part in offsets.remaining(topic).values()]
        if not any(left):
            break
    await app.stop()
    lag.stop()
    offsets.close()
    return looks


@pytest.mark.filterwarnings("ignore")
def test_poison_and_old_posts_hold_nobody_up(kafka: Kafka, tmp_path: Path) -> None:  # noqa: F811
    producer = KafkaProducer(kafka)
    for topic in TOPICS:  # made by the first record, with this broker
        for made in (topic, topic.dead()):
            producer.send(OutgoingRecord(made.name, b"first", b"{}", {}))
    write(producer, POSTS_BACKFILL, "old", 500)
    write(producer, POSTS_RAW, "new", 200)
    send_with_odd_header_name(kafka.bootstrap, POSTS_RAW.name, "x:odd", b"{}", "Post")
    producer.send(OutgoingRecord(POSTS_RAW.name, None, b"", {}))
    write(producer, POSTS_RAW, "later", 20)
    settings, readiness = Settings(kafka=kafka), Readiness("its partitions")
    looks = asyncio.run(work_through(settings, tmp_path, readiness))
    reader = KafkaTopicReader(kafka)
    enriched = [record for record in reader.read(POSTS_ENRICHED) if record.key != b"first"]
    assert len(enriched) == len({record.key for record in enriched}) == 720
    assert {letter.record.key for letter in read_dead_letters(reader, POSTS_RAW)} == {b"first", b"x:odd", None}
    assert any(looks), "old posts were held back; that all are enriched says that they were read in the end"
    in_order = [record.key or b"" for record in sorted(enriched, key=lambda record: record.timestamp_ms)]
    # None was read before they were held back. Once a batch of new ones is left they may be let go, sooner or later.
    assert not [key for key in in_order[: 220 - settings.worker.batch] if b"old" in key]
    assert readiness.waiting_for is None and readiness.stalled is None
