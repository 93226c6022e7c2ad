"""The time from produce to pushed: a standing query, listened to by SSE, under a load of other posts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import httpx

from benchmarks.ground import percentiles
from tests.integration.running import RunningSystem

SAMPLES = 20
PATIENCE_S = 20.0


def produce_to_pushed(system: RunningSystem, publish: Callable[[str, str], None]) -> dict[str, float]:
    """`publish(post_id, text)` produces and flushes; one marked post at a time, the next when it was pushed."""
    question = {"text": "Watcher reports that the water at the gauge is above the mark", "within": 100}
    made = system.api("POST", "/v1/saved-searches", json=question).json()
    heard: dict[str, float] = {}
    listening, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=_listen, args=(system.url(made["events"]), heard, listening, stop), daemon=True)
    thread.start()
    listening.wait(PATIENCE_S)
    waits = []
    for number in range(SAMPLES):
        own = f"file:watched-{number}"
        started = time.monotonic()
        publish(own, f"Watcher {number * 7919} reports that the water at the gauge is {number} cm above the mark")
        while own not in heard:
            if time.monotonic() - started > PATIENCE_S:
                raise SystemExit(f"the post {number} was not pushed within {PATIENCE_S} s")
            time.sleep(0.005)
        waits.append(heard[own] - started)
        time.sleep(0.3)
    stop.set()
    return percentiles(waits)


def _listen(url: str, heard: dict[str, float], listening: threading.Event, stop: threading.Event) -> None:
    with httpx.stream("GET", url, timeout=60) as reply:
        for line in reply.iter_lines():
            listening.set()
            if line.startswith("data: ") and '"post_id"' in line:
                heard.setdefault(json.loads(line[6:])["post_id"], time.monotonic())
            if stop.is_set():
                return
