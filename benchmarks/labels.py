"""How soon labels reach back: from an annotation to the filter that finds every post indexed before it.

The posts are generated around the vectors of a few real ones, half of them about a flood, and written past the log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import qdrant_edge as edge

from benchmarks.fixtures import fresh_system, say
from benchmarks.many_posts import BATCH, write_past_the_log
from stormpetrel.core.ids import point_id
from tests.integration.annotating import FLOOD, OTHER, annotate, models
from tests.integration.running import COLLECTION, RunningSystem, wait_until, write_posts

WORK, LABEL = "posts/bench", "flood"
LESSONS, ROUNDS, PATIENCE_S = 40, 3, 300.0


def run(posts: int) -> dict[str, Any]:
    """Seconds of each round: thirty annotations at first, then one more each time."""
    with fresh_system() as system:
        ids = _lessons(system)
        found = system.index.vectors(COLLECTION, ids, ["text"])
        vectors = np.stack([found[post_id]["text"] for post_id in ids])
        write_past_the_log(system, _batches(vectors, posts - LESSONS), posts)
        rounds = []
        for first in range(ROUNDS):
            signs = [(post_id, "positive" if "flood" in post_id else "negative") for post_id in ids]
            rounds.append(_reach(system, signs[:30] if not first else signs[29 + first : 30 + first]))
            say(f"round {first + 1} of {ROUNDS}: {rounds[-1]}")
    return {"posts": posts, "rounds": rounds}


def _lessons(system: RunningSystem) -> list[str]:
    """Posts of both kinds in turn, through the log."""
    texts = [text for pair in zip(FLOOD, OTHER, strict=True) for text in pair]
    rows = [
        {
            "id": f"lesson-{'other' if n % 2 else 'flood'}-{n}",
            "text": f"{texts[n % len(texts)]} {n * 7} times",
            "created_at": "2026-01-01T00:00:00Z",
        }
        for n in range(LESSONS)
    ]
    system.replay(write_posts(system.directory / "lessons.jsonl", rows))
    system.wait_until_worked_through()
    ids = [f"file:{row['id']}" for row in rows]
    return [post_id for post_id in ids if system.index.vectors(COLLECTION, [post_id], ["text"]).get(post_id)]


def _batches(base: npt.NDArray[np.float32], count: int) -> Iterator[tuple[list[edge.Point], list[dict[str, Any]]]]:
    """Posts near the real ones, whose vectors are the rows of ``base``: read before, since the store stands still."""
    rng = np.random.default_rng(5)
    payload = {"kind": "original", "labels": [], "unsure": [], "event_time": 1_767_225_600_000, "indexed_at": 0}
    for first in range(0, count, BATCH):
        rows = np.arange(first, min(count, first + BATCH))
        moved = base[rows % len(base)] + rng.normal(0, 0.02, (len(rows), base.shape[1]))
        post_ids = [f"file:bench-{row}" for row in rows.tolist()]
        yield (
            [
                edge.Point(point_id(post_id), {"text": vector}, {**payload, "id": post_id})
                for post_id, vector in zip(post_ids, moved.tolist(), strict=True)
            ],
            [],
        )


def _reach(system: RunningSystem, signs: list[tuple[str, str]]) -> dict[str, Any]:
    """Annotates, and waits until the newest model has judged everything; then the filter's count no longer changes."""
    before = models(system, LABEL, WORK).get("annotations", 0)
    started = time.perf_counter()
    annotate(system, signs, LABEL, WORK)
    first_s: list[float] = []

    def is_judged() -> bool:
        model = models(system, LABEL, WORK)
        if not first_s and _found(system):
            first_s.append(round(time.perf_counter() - started, 2))
        return model.get("annotations", 0) >= before + len(signs) and not model["judged"]["running"]

    wait_until(is_judged, PATIENCE_S, lambda: models(system, LABEL, WORK))
    seconds = round(time.perf_counter() - started, 2)
    return {"annotations": len(signs), "first_found_s": first_s[:1], "all_found_s": seconds, "found": _found(system)}


def _found(system: RunningSystem) -> int:
    """How many posts the filter by the label finds."""
    reply = system.api("GET", "/v1/posts", params={"label": f"{WORK}:{LABEL}", "limit": 1})
    return int(reply.json()["total"]) if reply.is_success else 0
