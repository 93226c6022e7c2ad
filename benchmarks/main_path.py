"""The main path: everything through Kafka into both stores, counted by id; throughput beside the bare encoder's; time
from produce to found at half that load; memory."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.fixtures import (
    fresh_system,
    memory_mib,
    model_directory,
    percentiles,
    post_files,
    records,
    say,
    texts_of,
)
from benchmarks.saved_search import produce_to_pushed
from stormpetrel.core.clock import now
from stormpetrel.core.events import Post
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.encoder import TextEncoder
from tests.integration.running import RunningSystem

LATENCY_SAMPLES = 40
FOUND_PATIENCE_S = 20.0
POLL_S = 0.1  # a query costs the encoder a text: searching without a pause would be a load of its own


def run(data: Path | None) -> dict[str, Any]:
    """Starts a system of its own, measures, and stops it again."""
    with fresh_system() as system:
        time.sleep(3)
        idle = memory_mib(system)
        source, path = post_files(data, system.directory)
        say("the bare encoder alone")
        before = _bare_encoder([text for text in map(clean, texts_of(records(path))) if text])
        say(f"{before:.0f} texts/s; replaying {source} at full speed")
        seconds, published = _replay_all(system, path)
        check = system.verify()
        after = memory_mib(system)
        documents = [system.documents.get("posts", [entity])[entity] for entity in system.documents.ids("posts")]
        originals = [document for document in documents if document["duplicate_of"] is None]
        rate = len(originals) / seconds
        say("the bare encoder on the same texts again, the system idle beside it")
        texts = [document["clean_text"] for document in originals if document["clean_text"]]
        # Measured before and after: a shared machine is not equally fast for the whole run.
        bare = (before + _bare_encoder(texts)) / 2
        say(f"{rate:.0f} unique posts/s end to end, {bare:.0f} by the bare encoder; produce to found at half that load")
        # Shuffled: the stores return the posts event by event, and texts in Arabic have four times the tokens.
        shuffled = random.Random(2).sample([document["text"] for document in originals], len(originals))
        latency, pushed = _under_load(system, shuffled, rate / 2)
    return {
        "posts": source,
        "published": published,
        "in_documents": check.documents,
        "in_vectors": check.vectors,
        "lost": len(check.lost),
        "doubled": len(check.doubled),
        "unknown": len(check.extra),
        "duplicate_count": len(documents) - len(originals),
        "seconds": round(seconds, 1),
        "unique_posts_per_s": round(rate, 1),
        "bare_encoder_texts_per_s": round(bare, 1),
        "ratio_to_bare_encoder": round(rate / bare, 3),
        "produce_to_found_at_half_load": {"posts_per_s": round(rate / 2, 1), **latency},
        "produce_to_pushed_at_half_load": {"posts_per_s": round(rate / 2, 1), **pushed},
        "memory_idle_mib": {**idle, "all": round(sum(idle.values()), 1)},
        "memory_after_mib": {**after, "all": round(sum(after.values()), 1)},
    }


def _replay_all(system: RunningSystem, path: Path) -> tuple[float, int]:
    started = time.monotonic()
    counts = system.replay(path)
    system.wait_until_worked_through(1200)
    return time.monotonic() - started, counts["published"]


def _bare_encoder(texts: list[str]) -> float:
    """Texts per second of the encoder alone, as the worker sets it up, on a fair part of the same texts."""
    chosen = random.Random(1).sample(texts, min(len(texts), 2000))
    encoder = TextEncoder(model_directory())
    encoder.encode(chosen[:64])
    started = time.perf_counter()
    for start in range(0, len(chosen), 64):
        encoder.encode(chosen[start : start + 64])
    return len(chosen) / (time.perf_counter() - started)


def _under_load(system: RunningSystem, texts: list[str], rate: float) -> tuple[dict[str, float], dict[str, float]]:
    """A steady load of new posts; beside it, one marked post at a time is produced and searched for until found, then
    others are waited for by a saved search."""
    producer = system.producer()
    stop = threading.Event()
    load = threading.Thread(target=_steady_load, args=(producer, texts, rate, stop))
    load.start()
    waits = []
    try:
        time.sleep(2)
        for number in range(LATENCY_SAMPLES):
            waits.append(_produce_to_found(system, producer, number))
            time.sleep(0.3)

        def publish(post_id: str, text: str) -> None:
            _publish(producer, post_id, text)
            producer.flush()

        pushed = produce_to_pushed(system, publish)
    finally:
        stop.set()
        load.join()
    return percentiles(waits), pushed


def _steady_load(producer: KafkaProducer, texts: list[str], rate: float, stop: threading.Event) -> None:
    started, sent = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - started) * rate)
        for number in range(sent, due):
            _publish(producer, f"file:load-{number}", f"{texts[number % len(texts)]} {number}")
        sent = max(sent, due)
        time.sleep(0.02)


def _produce_to_found(system: RunningSystem, producer: KafkaProducer, number: int) -> float:
    word = "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=12))
    text = f"Observer {word} reports that the water at gauge {word} is {number} cm above the mark"
    started = time.monotonic()
    _publish(producer, f"file:marked-{number}", text)
    producer.flush()
    while time.monotonic() - started < FOUND_PATIENCE_S:
        hits = system.search(text=text, limit=100)["hits"]  # the marked posts are alike: 40 compete
        if any(hit["post_id"] == f"file:marked-{number}" for hit in hits):
            return time.monotonic() - started
        time.sleep(POLL_S)
    raise SystemExit(f"the marked post {number} was not found within {FOUND_PATIENCE_S} s")


def _publish(producer: KafkaProducer, post_id: str, text: str) -> None:
    post = Post(post_id=post_id, source="file", text=text, created_at=now(), ingested_at=now())
    producer.publish(POSTS_RAW, post_id, post)
