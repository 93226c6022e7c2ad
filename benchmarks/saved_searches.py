"""Matching on the stream: 10,000 saved searches at 50 posts a second on one core, and how long a post waits for it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.fixtures import percentiles, post_files, records, say
from benchmarks.search_latency import distinct_texts
from stormpetrel.core.clock import milliseconds, now
from stormpetrel.core.ports import Filter, Point
from stormpetrel.posts.text.lexical import document_terms, query_terms
from stormpetrel.search.percolator import CompiledSearch, Percolator
from stormpetrel.search.query import Area, Query

SEARCHES, RATE, SECONDS = 10_000, 50, 20
BATCH_WITHIN_S = 0.1  # as `matching.batch_within_s`
DIMENSIONS = 384
PLACES = 300  # towns that searches and posts name


def run(data: Path | None) -> dict[str, Any]:
    """A share of the searches has a radius, a language, a point as evidence; all have words and a vector."""
    with tempfile.TemporaryDirectory() as folder:
        _, path = post_files(data, Path(folder))
        texts = distinct_texts(records(path))[:SEARCHES]
    random = np.random.default_rng(7)
    towns = np.column_stack((random.uniform(-10, 30, PLACES), random.uniform(36, 60, PLACES)))
    percolator = Percolator(_relevance)
    for number in range(SEARCHES):
        percolator.add(_search(number, texts[number % len(texts)], random, towns))
    started = time.perf_counter()
    percolator.match([_post(-1, texts[0], random, towns)])
    compiled_s = time.perf_counter() - started
    say(f"{SEARCHES} saved searches are compiled in {compiled_s:.1f} s")
    return {
        "saved_searches": SEARCHES,
        "posts_per_s": RATE,
        "compiled_s": round(compiled_s, 2),
        **_play(percolator, texts, random, towns),
    }


def _play(percolator: Percolator, texts: list[str], random: np.random.Generator, towns: Any) -> dict[str, Any]:
    """Posts in batches as they come, on a core of its own: a post waits for its batch to fill, and for the processor's
    time of the batches before."""
    size = max(1, round(RATE * BATCH_WITHIN_S))
    batches = [
        [_post(start + n, texts[(start + n) % len(texts)], random, towns) for n in range(size)]
        for start in range(0, RATE * SECONDS, size)
    ]
    free_at, busy, matches, waits = 0.0, 0.0, 0, list[float]()
    with threadpool_limits(1):
        for number, batch in enumerate(batches):
            came_at = [(number * size + n) / RATE for n in range(size)]
            begun_at = max(free_at, came_at[0] + BATCH_WITHIN_S)
            started = time.process_time()
            matches += len(percolator.match(batch))
            used = time.process_time() - started
            busy, free_at = busy + used, begun_at + used
            waits += [free_at - at for at in came_at]
    share = busy / (len(batches) * size / RATE)
    return {"share_of_a_core": round(share, 3), "matches": matches, "post_to_match": percentiles(waits)}


def _search(number: int, text: str, random: np.random.Generator, towns: Any) -> CompiledSearch:
    words = " ".join(text.split()[:4]) or "flood"
    longitude, latitude = towns[random.integers(PLACES)].tolist()
    kind = number % 4
    area = Area(longitude, latitude, 20.0 if kind < 2 else None) if kind < 3 else None
    query = Query(
        text=_unit(random),
        terms=query_terms(words, ["en"]),
        area=area,
        filter=area.narrowed(Filter()) if area and area.bounded else Filter(any_of={"language": ["en", "it"]}),
    )
    return CompiledSearch.of_query(f"saved-{number}", query, words, 0.5)


def _post(number: int, text: str, random: np.random.Generator, towns: Any) -> Point:
    longitude, latitude = towns[random.integers(PLACES)].tolist()
    terms, moment = document_terms(text, "en"), milliseconds(now())
    town = [{"lon": longitude, "lat": latitude}]
    payload = {"event_time": moment, "indexed_at": moment, "language": "en", "location": town, "towns": town}
    sparse = {"lexical": (terms.indices, terms.values)} if terms else {}
    return Point(f"x:{number}", payload, dense={"text": _unit(random)}, sparse=dict(sparse))


def _unit(random: np.random.Generator) -> Any:
    vector = random.normal(size=DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def _relevance(scores: Any, words: int) -> Any:
    """A logistic function of as many parts as the served one has."""
    parts = (3 * scores.get("text", 0.0), 0.2 * scores.get("lexical", 0.0), scores.get("space", 0.0) / 100)
    total = sum(np.nan_to_num(part) for part in parts) - 3.0 + 0.01 * words
    return 1 / (1 + np.exp(-np.asarray(total)))
