"""What listeners cost searches: the latency of fused queries alone, and beside a thousand open streams of matches."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from typing import Any

import httpx

from benchmarks.fixtures import fresh_system, percentiles, post_files, records, say
from benchmarks.many_posts import fill
from benchmarks.search_latency import distinct_texts, search_s
from stormpetrel.bootstrap import concept_list

LISTENERS = 1000
SAVED_SEARCHES = 50
QUERIES = 100
ROUNDS = 2
PARTS = {"place", "time"}


def run(data: Path | None, posts: int) -> dict[str, Any]:
    """Searches alone and beside the listeners, in turns, so that the machine's other work weighs on both alike."""
    with fresh_system() as system:
        _, path = post_files(data, system.directory)
        texts = distinct_texts(records(path))
        fill(system, texts, concept_list(), posts)
        searches = [{"text": text[:200]} for text in texts[:SAVED_SEARCHES]]
        saved = [system.api("POST", "/v1/saved-searches", json=search).json() for search in searches]
        urls = [system.url(saved[number % len(saved)]["events"]) for number in range(LISTENERS)]
        [search_s(system, texts, seed, PARTS, "") for seed in range(10)]
        alone: list[float] = []
        beside: list[float] = []
        for turn in range(ROUNDS):
            seeds = range(turn * QUERIES, (turn + 1) * QUERIES)
            alone += [search_s(system, texts, seed, PARTS, "") for seed in seeds]
            listening, stop = multiprocessing.Event(), multiprocessing.Event()
            listeners = multiprocessing.Process(target=listen, args=(urls, listening, stop), daemon=True)
            listeners.start()
            if not listening.wait(120):
                raise SystemExit(f"not all of {LISTENERS} streams began within 120 s")
            say(f"{LISTENERS} listen")
            beside += [search_s(system, texts, seed, PARTS, "") for seed in seeds]
            stop.set()
            listeners.join(30)
    measured = {"alone": percentiles(alone), "beside_listeners": percentiles(beside)}
    ratio = round(measured["beside_listeners"]["p95_ms"] / measured["alone"]["p95_ms"], 2)
    return {"posts": posts, "listeners": LISTENERS, "saved_searches": SAVED_SEARCHES, **measured, "p95_ratio": ratio}


def listen(urls: list[str], listening: ProcessEvent, stop: ProcessEvent) -> None:
    """Opens a stream for each address, says when all have begun, and closes them when it is told."""
    asyncio.run(_listen_to_all(urls, listening, stop))


async def _listen_to_all(urls: list[str], listening: ProcessEvent, stop: ProcessEvent) -> None:
    began: asyncio.Queue[None] = asyncio.Queue()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=httpx.Timeout(60, read=None), limits=limits) as client:
        streams = [asyncio.create_task(_listen_to(client, url, began)) for url in urls]
        for _ in urls:
            await began.get()
        listening.set()
        await asyncio.to_thread(stop.wait)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def _listen_to(client: httpx.AsyncClient, url: str, began: asyncio.Queue[None]) -> None:
    async with client.stream("GET", url) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line == "event: listening":
                began.put_nowait(None)
