"""A fused query over many indexed posts: latency of the whole request through the API, and memory."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.fixtures import anonymous_mib, fresh_system, memory_mib, percentiles, post_files, records, say, texts_of
from benchmarks.many_posts import DAYS, START, fill
from stormpetrel.bootstrap import concept_list
from stormpetrel.demo.pictures import data_url
from stormpetrel.posts.text.clean import clean
from tests.integration.running import RunningSystem

QUERIES = 200


def run(data: Path | None, count: int) -> dict[str, Any]:
    """Puts `count` posts made from real or generated texts into the stores, then searches, one query after another."""
    with fresh_system() as system:
        source, path = post_files(data, system.directory)
        texts = distinct_texts(records(path))
        say(f"{count} posts made from {len(texts)} texts of {source}")
        fill(system, texts, concept_list(), count)
        # The API is restarted: it has the memory of a fresh process, as the index has.
        system.stop("serve")
        system.start_pipeline()
        photo = data_url("flood", 999_999)
        kinds = {
            "fused_text_place_time": {"place", "time"},
            "fused_all_modalities": {"place", "time", "picture"},
            "text_alone": set[str](),
        }
        latencies = {
            name: percentiles([search_s(system, texts, seed, parts, photo) for seed in range(QUERIES)][10:])
            for name, parts in kinds.items()
        }
        memory, anonymous = memory_mib(system), anonymous_mib(system)
    return {
        "posts": count,
        "texts": source,
        **latencies,
        "memory_mib": memory,
        "api_and_vector_index_mib": round(memory["serve"] + memory["qdrant"], 1),
        "api_and_vector_index_anonymous_mib": round(anonymous.get("serve", 0) + anonymous.get("qdrant", 0), 1),
    }


def distinct_texts(posts: list[dict[str, Any]]) -> list[str]:
    """The cleaned texts of posts, each once, without the shortest."""
    return list(dict.fromkeys(text for text in map(clean, texts_of(posts)) if len(text) > 20))


def search_s(system: RunningSystem, texts: list[str], seed: int, parts: set[str], photo: str) -> float:
    """The seconds of one query whose text, place and time the seed gives; its text and these `parts`."""
    chance = random.Random(seed)
    query: dict[str, Any] = {"text": " ".join(chance.choice(texts).split()[:12]), "limit": 20}
    if "place" in parts:
        query["place"] = {"longitude": chance.uniform(-5, 20), "latitude": chance.uniform(37, 55)}
    if "time" in parts:
        query["time"] = (START + timedelta(days=chance.uniform(0, DAYS))).isoformat()
    if "picture" in parts:
        # Without a visual model photos take part only where they are named.
        query |= {"picture": photo, "modalities": ["text", "lexical", "visual", "concepts", "space", "time"]}
    started = time.perf_counter()
    response = system.search(**query)
    seconds = time.perf_counter() - started
    assert len(response["hits"]) == 20 and not response["unavailable"]
    return seconds
