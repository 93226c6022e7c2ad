"""Listeners of saved searches over HTTP: their places, a match that reaches each once, and who may hear."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_now

import api.listening
from stormpetrel.access.keys import new_key
from stormpetrel.core.clock import now, now_ms
from stormpetrel.core.events import ApiKeyRevoked, PostMatched
from stormpetrel.core.topics import KEYS, POSTS_MATCHED
from stormpetrel.log.record import record_of_event
from stormpetrel.projections.posts import post_document, post_point
from tests.fuzzing import served
from tests.memory_api import MemoryApi, post


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.listening, "POLL_S", 0.01)


def test_the_places_are_counted_exactly_and_given_back_on_every_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.listening, "MAX_LISTENERS", 5)
    memory_api = MemoryApi()

    async def first_status(client: httpx.AsyncClient, path: str, streams: AsyncExitStack) -> int:
        reply = await streams.enter_async_context(client.stream("GET", path))
        if reply.status_code == 200:
            lines = await streams.enter_async_context(aclosing(reply.aiter_lines()))
            await anext(lines)
        else:
            assert json.loads(await reply.aread())["error"] == "service_unavailable"
        return reply.status_code

    async def listen(address: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=20) as client:
            created = (await client.post("/v1/saved-searches", json={"text": "flood"})).json()
            for _ in range(2):  # the second time shows that the first gave all places back
                async with AsyncExitStack() as streams:
                    statuses = await asyncio.gather(
                        *(first_status(client, created["events"], streams) for _ in range(20))
                    )
                    assert sorted(statuses) == [200] * 5 + [503] * 15
                    async with connect(f"ws{address[4:]}{created['websocket']}") as socket:
                        assert json.loads(await socket.recv())["event"] == "refused"
                await wait_until_free(memory_api)
            for _ in range(3):
                async with connect(f"ws{address[4:]}{created['websocket']}") as socket:
                    assert json.loads(await socket.recv())["event"] == "listening"
                await wait_until_free(memory_api)
            assert (await client.get(created["events"] + "x")).status_code == 404
            await wait_until_free(memory_api)

    with served(memory_api) as address:
        asyncio.run(listen(address))


async def wait_until_free(memory_api: MemoryApi) -> None:
    for _ in range(200):
        if memory_api.resources.search.listeners._count == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("a place was not given back")


def match_of(saved: dict[str, Any], post_id: str) -> PostMatched:
    return PostMatched(
        match_id=hashlib.sha256(post_id.encode()).hexdigest()[:32],
        saved_search_id=saved["saved_search_id"],
        post_id=post_id,
        decided_by="relevance",
        relevance=0.8,
        scores={"text": 0.7},
        reason="its relevance of 0.80 reaches 0.50",
        recent_rank=1,
        recent_count=1,
        posted_at=now(),
        matched_at=now(),
    )


def test_one_match_reaches_both_kinds_of_listeners_and_a_stop_ends_them() -> None:
    memory_api = MemoryApi()
    heard: dict[str, list[str]] = {"events": [], "websocket": []}
    listening = threading.Barrier(3, timeout=20)

    def take(kind: str, line: str) -> None:
        if "match" in line or "x:41" in line:
            heard[kind].append(line)
        elif "listening" in line:
            listening.wait()

    def hear_events(url: str) -> None:
        with httpx.stream("GET", url, timeout=20) as reply:
            for line in reply.iter_lines():
                take("events", line)
        heard["events"].append("end")

    def hear_socket(url: str) -> None:
        with connect_now(url) as socket, suppress(ConnectionClosed):
            for message in socket:
                take("websocket", str(message))
        heard["websocket"].append("end")

    with served(memory_api) as address:
        saved = httpx.post(f"{address}/v1/saved-searches", json={"text": "Flooded streets in Genova"}).json()
        threads = [
            threading.Thread(target=hear_events, args=(address + saved["events"],)),
            threading.Thread(target=hear_socket, args=(f"ws{address[4:]}{saved['websocket']}",)),
        ]
        for thread in threads:
            thread.start()
        listening.wait()
        memory_api.log.append(record_of_event(POSTS_MATCHED, saved["saved_search_id"], match_of(saved, "x:41")))
        memory_api.documents.upsert("posts", [post_document(post(41))])  # the index may be later than the match
        memory_api.index.upsert("posts", [post_point(post(41), now_ms())])
        for _ in range(500):
            if all(any("x:41" in line for line in lines) for lines in heard.values()):
                break
            time.sleep(0.02)
    for thread in threads:
        thread.join(20)
    for kind, lines in heard.items():
        assert sum("x:41" in line for line in lines) == 1, (kind, lines)
        assert lines[-1] == "end"


@pytest.mark.parametrize("is_open", [True, False], ids=["the first key is made", "the key is revoked"])
def test_who_is_known_no_more_hears_no_more(is_open: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.listening, "QUIET_S", 0.1)
    memory_api = MemoryApi()
    key, added = new_key("ada", ["read", "annotate"])
    if not is_open:
        memory_api.log.append(record_of_event(KEYS, added.key_id, added))
    headers = {} if is_open else {"Authorization": f"Bearer {key}"}
    revoked = ApiKeyRevoked(key_id=added.key_id, principal="ada", revoked_at=now())
    with served(memory_api) as address:
        body = {"text": "Flooded streets in Genova"}
        saved = httpx.post(f"{address}/v1/saved-searches", json=body, headers=headers).json()
        with (
            httpx.stream("GET", address + saved["events"], headers=headers, timeout=20) as reply,
            connect_now(f"ws{address[4:]}{saved['websocket']}", additional_headers=headers) as socket,
        ):
            lines = reply.iter_lines()
            assert "listening" in next(line for line in lines if line.startswith("event"))
            assert "listening" in socket.recv(20)
            memory_api.log.append(record_of_event(KEYS, added.key_id, added if is_open else revoked))
            assert [line for line in lines if line.startswith("event")] == ["event: failed"]
            assert "API key" in next(told for told in iter(lambda: str(socket.recv(20)), "") if '"quiet"' not in told)
            with pytest.raises(ConnectionClosed):
                socket.recv(20)
