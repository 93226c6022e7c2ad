"""The listeners of saved searches: one task looks once for all listeners at what came for each saved search.

The matches of posts are in memory already; places and days of patches are searched for. A listener takes no thread: it
waits on the event loop for what the poller puts into its mailbox. The poller has one thread of its own, so that
searches never wait for it, and rests three times as long as it worked: at most a quarter of a core's time is the
listeners'. A mailbox is bounded. The client that does not take its messages in time is caught up
from the last one that it took, so that nothing is lost and nothing piles up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import HTTPException

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.process.metrics import LISTENERS
from stormpetrel.search.saved_search_feed import Message, SavedSearchFeed

log = structlog.get_logger()
POLL_S = 0.05
REST = 3  # times as long as it polled the poller rests; with 1, searches took 1.6 times as long (p95)
QUIET_S = 10.0  # without a match a listener still gets a message, so that proxies keep the connection
MAX_LISTENERS = 1000
MAILBOX = 100  # messages that wait for a slow client
OpenFeed = Callable[[str | None], SavedSearchFeed]


@dataclass(eq=False)
class _Mailbox:
    """What waits for one listener; None, or an error, is the end."""

    queue: asyncio.Queue[Message | StormpetrelError | None] = field(default_factory=asyncio.Queue)
    is_behind: bool = False

    def put(self, message: Message) -> None:
        self.is_behind |= self.queue.qsize() >= MAILBOX
        if not self.is_behind:  # what comes after a gap must not come before it
            self.queue.put_nowait(message)


@dataclass(eq=False)
class _Broadcast:
    """One saved search's feed, and the mailboxes of its listeners."""

    feed: SavedSearchFeed
    exists: Callable[[], bool]
    mailboxes: set[_Mailbox] = field(default_factory=set)
    is_polled: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, messages: list[Message]) -> None:
        for mailbox in self.mailboxes:
            for message in messages:
                mailbox.put(message)
        self.is_polled.set()

    def end(self, reason: StormpetrelError | None = None) -> None:
        for mailbox in self.mailboxes:
            mailbox.queue.put_nowait(reason)
        self.is_polled.set()


class Listeners:
    """All listeners of this process, on its event loop. `stopping` tells when the process is to end."""

    def __init__(self) -> None:
        self.stopping: Callable[[], bool] = lambda: False
        self._count = 0
        self._broadcasts: dict[str, _Broadcast] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listeners")
        self._poller: asyncio.Task[None] | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """One listener's place, given back on every way out. Raises HTTPException where all are taken."""
        if self._count >= MAX_LISTENERS:
            raise HTTPException(503, f"{MAX_LISTENERS} listen already; try another API process, or later")
        self._count += 1
        LISTENERS.set(self._count)
        try:
            yield
        finally:
            self._count -= 1
            LISTENERS.set(self._count)

    async def messages(
        self, open_feed: OpenFeed, exists: Callable[[], bool], since_id: str | None
    ) -> AsyncGenerator[Message]:
        """One listener's messages until its saved search is deleted or the process stops.

        `open_feed` makes the saved search's feed after a message's id. Raises the StormpetrelError that ended the feed.
        """
        broadcast, mailbox = self._joined(open_feed, exists)
        try:
            # The first poll separates new posts from those before; whoever hears `listening` may then publish.
            await broadcast.is_polled.wait()
            listening = broadcast.feed.message("listening", saved_search_id=broadcast.feed.saved_search_id)
            last_id = listening.id if since_id is None else since_id
            mailbox.is_behind |= since_id is not None
            caught_up = set[str]()  # came by the way back, and may wait in the mailbox too
            yield listening
            while True:
                if mailbox.is_behind and mailbox.queue.empty():
                    mailbox.is_behind = False
                    caught_up.clear()
                    async for message in self._missed(open_feed(last_id)):
                        caught_up.add(message.id)
                        last_id = message.id
                        yield message
                try:
                    item = await asyncio.wait_for(mailbox.queue.get(), QUIET_S)
                except TimeoutError:
                    yield broadcast.feed.message("quiet")
                    continue
                if not isinstance(item, Message):
                    if item is not None:
                        raise item
                    return
                if item.event != "match" or item.id not in caught_up:
                    yield item
                    last_id = item.id
        finally:
            broadcast.mailboxes.discard(mailbox)
            if not broadcast.mailboxes:
                self._forget(broadcast)

    async def _missed(self, feed: SavedSearchFeed) -> AsyncGenerator[Message]:
        """What a feed has at present, with what waits for its post to be indexed."""
        while True:
            for message in await self._poll(feed):
                yield message
            if not feed.is_waiting:
                return
            await asyncio.sleep(POLL_S)

    def _joined(self, open_feed: OpenFeed, exists: Callable[[], bool]) -> tuple[_Broadcast, _Mailbox]:
        feed, mailbox = open_feed(None), _Mailbox()
        broadcast = self._broadcasts.setdefault(feed.saved_search_id, _Broadcast(feed, exists))
        broadcast.mailboxes.add(mailbox)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll_all())
        return broadcast, mailbox

    def _forget(self, broadcast: _Broadcast) -> None:
        if self._broadcasts.get(broadcast.feed.saved_search_id) is broadcast:
            del self._broadcasts[broadcast.feed.saved_search_id]

    async def _poll_all(self) -> None:
        while self._broadcasts and not self.stopping():
            started = time.monotonic()
            broadcasts = list(self._broadcasts.values())
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, _poll_each, broadcasts)
            for broadcast, outcome in zip(broadcasts, outcomes, strict=True):
                self._tell(broadcast, outcome)
            spent = time.monotonic() - started
            await asyncio.sleep(max(POLL_S, REST * spent))
        for broadcast in list(self._broadcasts.values()):
            self._forget(broadcast)
            broadcast.end()

    def _tell(self, broadcast: _Broadcast, outcome: list[Message] | StormpetrelError) -> None:
        """One feed's fault ends its own listeners alone; their clients come back with the last id that they have."""
        if not broadcast.exists():
            broadcast.send([broadcast.feed.message("deleted")])
            self._forget(broadcast)
            broadcast.end()
        elif isinstance(outcome, StormpetrelError):
            self._forget(broadcast)
            broadcast.end(outcome)
        else:
            broadcast.send(outcome)

    def close(self) -> None:
        """Called when the event loop has ended, and all listeners with it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _poll(self, feed: SavedSearchFeed) -> list[Message]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, feed.poll)


def _poll_each(broadcasts: Sequence[_Broadcast]) -> list[list[Message] | StormpetrelError]:
    """What came for each, or why it cannot be told."""
    outcomes: list[list[Message] | StormpetrelError] = []
    for broadcast in broadcasts:
        try:
            outcomes.append(broadcast.feed.poll())
        except StormpetrelError as error:
            outcomes.append(error)
        except Exception as error:
            log.exception("a saved search cannot be polled", saved_search_id=broadcast.feed.saved_search_id)
            outcomes.append(StormpetrelError(f"the saved search cannot be polled: {error}"))
    return outcomes
