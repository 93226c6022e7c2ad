"""The time from produce to pushed: a saved search, followed by server-sent events, under a load of other posts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import httpx

from benchmarks.fixtures import percentiles
from tests.integration.running import RunningSystem

SAMPLES = 20
PATIENCE_S = 20.0


def produce_to_pushed(system: RunningSystem, publish: Callable[[str, str], None]) -> dict[str, float]:
    """`publish(post_id, text)` produces and flushes; one marked post at a time, the next when it was pushed."""
    query = {"text": "Watcher reports that the water at the gauge is above the mark", "min_relevance": 0.1}
    saved_search = system.api("POST", "/v1/saved-searches", json=query).json()
    pushed_at: dict[str, float] = {}
    listening, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=_listen, args=(system.url(saved_search["events"]), pushed_at, listening, stop), daemon=True
    )
    thread.start()
    listening.wait(PATIENCE_S)
    seconds = []
    for number in range(SAMPLES):
        post_id = f"file:watched-{number}"
        started = time.monotonic()
        publish(post_id, f"Watcher {number * 7919} reports that the water at the gauge is {number} cm above the mark")
        while post_id not in pushed_at:
            if time.monotonic() - started > PATIENCE_S:
                raise SystemExit(f"the post {number} was not pushed within {PATIENCE_S} s")
            time.sleep(0.005)
        seconds.append(pushed_at[post_id] - started)
        time.sleep(0.3)
    stop.set()
    return percentiles(seconds)


def _listen(url: str, pushed_at: dict[str, float], listening: threading.Event, stop: threading.Event) -> None:
    with httpx.stream("GET", url, timeout=60) as response:
        for line in response.iter_lines():
            listening.set()
            if line.startswith("data: ") and '"post_id"' in line:
                pushed_at.setdefault(json.loads(line[6:])["post_id"], time.monotonic())
            if stop.is_set():
                return
