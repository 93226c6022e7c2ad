"""The listeners of saved searches: each polls while its client takes what it is sent, and never runs ahead of it.

Back-pressure is in the form: the next poll begins when the last message is sent. A slow client gets the best matches of
the time in between, in fewer polls; nothing queues up for it here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool

from stormpetrel.process.metrics import LISTENERS
from stormpetrel.search.saved_search_feed import Message, SavedSearchFeed

POLL_S = 0.5
QUIET_S = 10.0  # without a match a listener still gets a message, so that proxies keep the connection
MAX_LISTENERS = 200


class Listeners:
    """All listeners of this process. `stopping` tells when the process is to end."""

    def __init__(self) -> None:
        self.stopping: Callable[[], bool] = lambda: False
        self._count = 0
        LISTENERS.set_function(lambda: self._count)

    def check_capacity(self) -> None:
        """Raises HTTPException where no listener more can be served."""
        if self._count >= MAX_LISTENERS:
            raise HTTPException(503, f"{MAX_LISTENERS} listen already; try another API process, or later")

    async def messages(self, feed: SavedSearchFeed, exists: Callable[[], bool]) -> AsyncIterator[Message]:
        """The feed's messages until its saved search is deleted or the process stops."""
        self._count += 1
        try:
            # The first poll separates new posts from those before; whoever hears `listening` may then publish.
            first_matches = await run_in_threadpool(feed.poll)
            yield feed.message("listening", saved_search_id=feed.saved_search_id)
            for message in first_matches:
                yield message
            last_sent = time.monotonic()
            while not self.stopping():
                if not exists():
                    yield feed.message("deleted")
                    return
                started = time.monotonic()
                for message in await run_in_threadpool(feed.poll):
                    yield message
                    last_sent = time.monotonic()
                if time.monotonic() - last_sent > QUIET_S:
                    yield feed.message("quiet")
                    last_sent = time.monotonic()
                await asyncio.sleep(max(0.0, POLL_S - (time.monotonic() - started)))
        finally:
            self._count -= 1
