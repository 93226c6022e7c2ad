"""A fused query over many indexed posts: latency of the whole request through the API, and memory."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground import (
    anonymous_mib,
    fresh_system,
    memory_mib,
    model_directory,
    percentiles,
    post_files,
    records,
    say,
    texts_of,
)
from consumers.index import Batch, Indexer
from stormpetrel.events import EnrichedPost, Place, Post, Vector
from stormpetrel.text.clean import clean
from stormpetrel.text.encoder import TextEncoder
from stormpetrel.text.lexical import document_terms
from tests.integration.running import COLLECTION, RunningSystem

QUERIES = 200
BATCH = 500
START = datetime(2026, 1, 1, tzinfo=UTC)
HOTSPOTS = 40


def run(data: Path | None, count: int) -> dict[str, Any]:
    """Indexes `count` posts made from real or generated texts, then asks text + place + time, one after another."""
    with fresh_system() as system:
        what, path = post_files(data, system.directory)
        texts = _texts(records(path))
        say(f"indexing {count} posts made from {len(texts)} texts of {what}")
        started = time.monotonic()
        _index(system, texts, count)
        indexing = time.monotonic() - started
        assert system.index.count(COLLECTION) == count
        say("waiting until the index has optimised itself")
        started = time.monotonic()
        while not system.index.settled(COLLECTION):
            time.sleep(1)
        settling = time.monotonic() - started
        fused = [_ask(system, texts, seed, place=True, at=True) for seed in range(QUERIES)]
        text_alone = [_ask(system, texts, seed, place=False, at=False) for seed in range(QUERIES, QUERIES + 100)]
        memory, anonymous = memory_mib(system), anonymous_mib(system)
    return {
        "posts": count,
        "texts": what,
        "indexed_per_s": round(count / indexing, 1),
        "then_settled_after_s": round(settling, 1),
        "fused_text_place_time": percentiles(fused[10:]),
        "text_alone": percentiles(text_alone),
        "memory_mib": memory,
        "api_and_vector_index_mib": round(memory["serve"] + memory["qdrant"], 1),
        "api_and_vector_index_anonymous_mib": round(anonymous.get("serve", 0) + anonymous.get("qdrant", 0), 1),
    }


def _texts(found: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(text for text in map(clean, texts_of(found)) if len(text) > 20))


def _index(system: RunningSystem, texts: list[str], count: int) -> None:
    """Posts with the vectors of real texts, each moved a little, around hot spots in Europe over a month."""
    encoder = TextEncoder(model_directory())
    base = encoder.encode(texts[:3000])
    terms = [document_terms(text, "en") for text in texts[:3000]]
    numbers = np.random.default_rng(5)
    spots = numbers.uniform((-5.0, 37.0), (20.0, 55.0), (HOTSPOTS, 2))
    indexer = Indexer(system.documents, system.index, COLLECTION)
    for start in range(0, count, BATCH):
        batch = Batch()
        for number in range(start, min(count, start + BATCH)):
            row = number % len(base)
            vector = base[row] + numbers.normal(0, 0.02, base.shape[1]).astype(np.float32)
            at = START + timedelta(seconds=float(numbers.uniform(0, 30 * 86_400)))
            lon, lat = spots[number % HOTSPOTS] + numbers.normal(0, 0.3, 2)
            post = Post(post_id=f"file:bench-{number}", source="file", text=texts[row], created_at=at, ingested_at=at)
            place = Place(
                name="spot", longitude=float(lon), latitude=float(lat), confidence=1, kind="city", origin="gazetteer"
            )
            batch.posts[post.post_id] = EnrichedPost(
                post=post, clean_text=texts[row], language="en", language_confidence=1, places=(place,),
                text_vector=Vector.of(vector / np.linalg.norm(vector), encoder.version), terms=terms[row],
                enriched_at=at,
            )  # fmt: skip
        indexer.write(batch)


def _ask(system: RunningSystem, texts: list[str], seed: int, place: bool, at: bool) -> float:
    chance = random.Random(seed)
    question: dict[str, Any] = {"text": " ".join(chance.choice(texts).split()[:12]), "limit": 20}
    if place:
        question["place"] = {"longitude": chance.uniform(-5, 20), "latitude": chance.uniform(37, 55)}
    if at:
        question["time"] = (START + timedelta(days=chance.uniform(0, 30))).isoformat()
    started = time.perf_counter()
    system.search(**question)
    return time.perf_counter() - started
