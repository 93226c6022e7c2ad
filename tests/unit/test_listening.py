"""Listeners of saved searches: counted exactly, without a thread each, and never in the way of one another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import api.listening
from api import message_stream
from api.listening import MAILBOX, Listeners
from stormpetrel.core.errors import NotFound
from stormpetrel.search.saved_search_feed import Message


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


def test_a_client_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_stream, "SEND_WITHIN_S", 0.1)

    async def listen() -> None:
        listeners, saved_search = Listeners(), SavedSearch()
        stream = message_stream.MessageStream(
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
