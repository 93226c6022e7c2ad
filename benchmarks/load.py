"""Load: a steady rate for minutes, then more than the encoder can take, then the rest is drained. Prints JSON.

`python -m benchmarks.load --rate 60 --seconds 600 --overload-rate 300 --overload-seconds 60`
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections import defaultdict
from typing import Any

from benchmarks.fixtures import fresh_system, memory_mib, percentiles, say
from stormpetrel.core.clock import now
from stormpetrel.core.events import Post
from stormpetrel.core.ports import Filter
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.demo.night import flood_night
from tests.integration.running import COLLECTION, RunningSystem

SAMPLE_EVERY_S = 2.0


class Sampler:
    """Memory of each process and lag of the worker and the index consumer, until it is stopped."""

    def __init__(self, system: RunningSystem) -> None:
        self._system, self._stop = system, threading.Event()
        self.memory: defaultdict[str, list[float]] = defaultdict(list)
        self.lags: list[int] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            for name, size in memory_mib(self._system).items():
                self.memory[name].append(size)
            self.lags.append(self._system.lag("worker") + self._system.lag("index"))

    def report(self) -> dict[str, Any]:
        """`growth`: the median of the last fifth of the samples against that of the fifth before the middle."""
        growth = {}
        for name, sizes in self.memory.items():
            part = max(1, len(sizes) // 5)
            middle = len(sizes) // 2
            earlier = sizes[max(0, middle - part) : max(1, middle)]
            growth[name] = round(statistics.median(sizes[-part:]) - statistics.median(earlier), 1)
        largest = {name: max(sizes) for name, sizes in self.memory.items()}
        return {"largest_lag": max(self.lags, default=0), "largest_memory_mib": largest, "growth_mib": growth}


def produce(system: RunningSystem, name: str, texts: list[str], rate: float, seconds: float) -> int:
    """Publishes posts at a steady rate; how many the broker holds in the end."""
    producer, sent, started = system.producer(), 0, time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        for number in range(sent, int(elapsed * rate)):
            text, moment = f"{texts[number % len(texts)]} {name} {number}", now()
            post = Post(
                post_id=f"file:{name}-{number}", source="file", text=text, created_at=moment, ingested_at=moment
            )
            producer.publish(POSTS_RAW, post.post_id, post)
            sent = number + 1
        time.sleep(0.02)
    producer.flush()
    return sent


def phase(system: RunningSystem, name: str, texts: list[str], rate: float, seconds: float) -> dict[str, Any]:
    say(f"{name}: {rate:.0f} posts/s for {seconds:.0f} s")
    with Sampler(system) as sampler:
        sent = produce(system, name, texts, rate, seconds)
        left, started = system.lag("worker") + system.lag("index"), time.monotonic()
        system.wait_until_worked_through(3600)
        drained_s = time.monotonic() - started
    return {
        "posts_per_s": rate,
        "seconds": seconds,
        "published": sent,
        "left_at_the_end": left,
        "drained_in_s": round(drained_s, 1),
        **sampler.report(),
    }


def freshness(system: RunningSystem, name: str) -> dict[str, float]:
    """From the source to both stores, of the originals of a phase."""
    payload = ["id", "ingested_at", "indexed_at"]
    ages = [
        (found["indexed_at"] - found["ingested_at"]) / 1000
        for page in system.index.scan(COLLECTION, "text", payload, Filter())
        for found in page.payloads
        if found["id"].startswith(f"file:{name}-")
    ]
    return percentiles(ages)


def run(rate: float, seconds: float, overload_rate: float, overload_seconds: float) -> dict[str, Any]:
    """Starts a system of its own, measures, and stops it again."""
    texts = [written.text for written in flood_night(3000, 11)]
    with fresh_system() as system:
        steady = phase(system, "steady", texts, rate, seconds)
        steady["source_to_stores"] = freshness(system, "steady")
        overload = phase(system, "overload", texts, overload_rate, overload_seconds)
        check = system.verify()
    counts = {"lost": len(check.lost), "doubled": len(check.doubled), "unknown": len(check.extra), "dead": check.dead}
    return {
        "steady": steady,
        "overload": overload,
        "in_documents": check.documents,
        "in_vectors": check.vectors,
        **counts,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=60, help="posts a second of the steady part")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--overload-rate", type=float, default=300, help="posts a second, more than the encoder takes")
    parser.add_argument("--overload-seconds", type=float, default=60)
    json.dump(run(**vars(parser.parse_args())), sys.stdout, indent=2)
    print()
