"""Listeners of saved searches: counted exactly, without a thread each, and never in the way of one another."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_now

import api.listening
from api.listening import MAILBOX, Listeners
from api.routes import saved_searches
from stormpetrel.access.keys import new_key
from stormpetrel.core.clock import now, now_ms
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import ApiKeyRevoked, PostMatched
from stormpetrel.core.topics import KEYS, POSTS_MATCHED
from stormpetrel.log.record import record_of_event
from stormpetrel.projections.posts import post_document, post_point
from stormpetrel.search.saved_search_feed import Message
from tests.fuzzing import served
from tests.memory_api import MemoryApi, post


class Feed:
    """A saved search's feed whose matches the test gives; it begins after the match `since_id`."""

    saved_search_id, is_waiting = "saved-1", False

    def __init__(self, matches: list[int], since_id: str | None = None) -> None:
        self.matches, self.count = matches, len(matches) if since_id is None else int(since_id)
        self.polls = 0
        self.threads: set[str] = set()

    def message(self, event: str, **data: Any) -> Message:
        return Message(str(self.count), event, data)

    def poll(self) -> list[Message]:
        self.polls += 1
        self.threads.add(threading.current_thread().name)
        new, self.count = self.matches[self.count :], len(self.matches)
        return [Message(str(number), "match", {"number": number}) for number in new]


class SavedSearch:
    """Feeds over one list of matches; the first one is the one that is polled for all."""

    def __init__(self) -> None:
        self.matches: list[int] = []
        self.feeds: list[Feed] = []
        self.is_there = True

    def open_feed(self, since_id: str | None) -> Any:
        self.feeds.append(Feed(self.matches, since_id))
        return self.feeds[-1]

    def match(self, count: int) -> None:
        self.matches += range(len(self.matches) + 1, len(self.matches) + count + 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.listening, "POLL_S", 0.01)


async def next_of(messages: AsyncGenerator[Message], event: str) -> Message:
    """The next message, which must be of this event."""
    message = await asyncio.wait_for(anext(messages), 20)
    assert message.event == event, message
    return message


def test_a_thousand_listeners_take_one_thread_and_one_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        all_messages = [
            listeners.messages(saved_search.open_feed, lambda: saved_search.is_there, None) for _ in range(1000)
        ]
        before = threading.active_count()
        await asyncio.gather(*(next_of(messages, "listening") for messages in all_messages))
        polls = saved_search.feeds[0].polls
        saved_search.match(1)
        heard = await asyncio.gather(*(next_of(messages, "match") for messages in all_messages))
        assert {message.data["number"] for message in heard} == {1}
        assert threading.active_count() <= before + 1
        assert saved_search.feeds[0].threads == {"listeners_0"}
        assert polls >= 1 and sum(feed.polls for feed in saved_search.feeds[1:]) == 0
        for messages in all_messages:
            await messages.aclose()
        assert listeners._broadcasts == {}

    asyncio.run(listen())


def test_a_slow_listener_is_caught_up_and_its_mailbox_stays_bounded() -> None:
    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        messages = listeners.messages(saved_search.open_feed, lambda: True, None)
        await next_of(messages, "listening")
        count = 5 * MAILBOX
        for _ in range(5):
            saved_search.match(MAILBOX)
            await asyncio.sleep(0.05)
        (mailbox,) = listeners._broadcasts["saved-1"].mailboxes
        assert mailbox.queue.qsize() <= MAILBOX and mailbox.is_behind
        heard = [(await next_of(messages, "match")).data["number"] for _ in range(count)]
        assert heard == list(range(1, count + 1))

    asyncio.run(listen())


def test_what_came_while_a_mailbox_was_full_is_not_skipped_when_there_is_room_again() -> None:
    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        messages = listeners.messages(saved_search.open_feed, lambda: True, None)
        await next_of(messages, "listening")
        saved_search.match(MAILBOX + 10)  # ten more than wait
        await asyncio.sleep(0.1)
        heard = [(await next_of(messages, "match")).id for _ in range(MAILBOX // 2)]
        saved_search.match(1)  # there is room for it, but it is not its turn
        await asyncio.sleep(0.1)
        count = MAILBOX + 11
        heard += [(await next_of(messages, "match")).id for _ in range(count - len(heard))]
        assert heard == [str(number) for number in range(1, count + 1)]

    asyncio.run(listen())


def test_a_listener_that_comes_back_hears_what_it_missed() -> None:
    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        saved_search.match(5)
        messages = listeners.messages(saved_search.open_feed, lambda: True, "3")
        await next_of(messages, "listening")
        assert [(await next_of(messages, "match")).id for _ in range(2)] == ["4", "5"]
        saved_search.match(1)
        assert (await next_of(messages, "match")).id == "6"

    asyncio.run(listen())


def test_a_deleted_search_ends_its_listeners() -> None:
    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        messages = listeners.messages(saved_search.open_feed, lambda: saved_search.is_there, None)
        await next_of(messages, "listening")
        saved_search.is_there = False
        await next_of(messages, "deleted")
        with pytest.raises(StopAsyncIteration):
            await anext(messages)

    asyncio.run(listen())


@pytest.mark.parametrize("fault", [NotFound("its post is gone"), ValueError("a fault of ours")])
def test_a_feed_that_fails_ends_its_own_listeners_alone(fault: Exception) -> None:
    def broken(_: str | None) -> Any:
        feed = Feed([])
        feed.saved_search_id = "saved-2"
        feed.poll = _raising(fault)  # type: ignore[method-assign]
        return feed

    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        healthy = listeners.messages(saved_search.open_feed, lambda: True, None)
        faulty = listeners.messages(broken, lambda: True, None)
        await next_of(healthy, "listening")
        await next_of(faulty, "listening")
        with pytest.raises(Exception, match=str(fault)):
            await next_of(faulty, "match")
        saved_search.match(1)
        await next_of(healthy, "match")

    asyncio.run(listen())


def _raising(fault: Exception) -> Callable[[], list[Message]]:
    def poll() -> list[Message]:
        raise fault

    return poll


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
            assert "API key" in socket.recv(20)
            with pytest.raises(ConnectionClosed):
                socket.recv(20)


def test_a_client_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_searches, "SEND_WITHIN_S", 0.1)

    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        stream = saved_searches.MatchStream(
            listeners, listeners.messages(saved_search.open_feed, lambda: saved_search.is_there, None)
        )

        async def never(*_: Any) -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await never()

        await asyncio.wait_for(stream({"type": "http", "method": "GET"}, never, send), 20)
        assert listeners._count == 0 and listeners._broadcasts == {}

    asyncio.run(listen())
