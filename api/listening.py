"""One listener of a standing query: polls while its client takes what it is sent, and never runs ahead of it.

Back-pressure is in the form: the next poll begins when the last message is sent. A slow client gets the best of what
came meanwhile, in fewer polls; nothing piles up for it here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool

from api.cross_source import cell_hit
from api.dependencies import Services
from api.query_builder import query_of
from api.routes.search import hits_of
from api.schemas.requests import SearchRequest
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import SavedSearch
from stormpetrel.search.saved_cross_source import SavedCrossSourceSearch
from stormpetrel.search.saved_searches import SavedSearchMatcher

log = structlog.get_logger()
POLL_S = 0.5
QUIET_S = 10.0  # a sign of life where nothing matches, so that proxies keep the line


@dataclass(frozen=True)
class Message:
    """`id` is the moment, milliseconds since 1970, up to which the listener has heard everything."""

    id: int
    event: str
    data: dict[str, Any]


class Listener:
    """Listens from `since_ms` on; None: from now."""

    def __init__(self, have: Services, saved_search: SavedSearch, since_ms: int | None) -> None:
        self._have, self._saved_search = have, saved_search
        self._first_ms, self._since_ms = since_ms, int(time.time() * 1000) if since_ms is None else since_ms
        self._standing: SavedSearchMatcher | None = None
        self._worlds: SavedCrossSourceSearch | None = None

    async def messages(self) -> AsyncIterator[Message]:
        """Until the subscription ends or the process stops."""
        self._have.listeners += 1
        try:
            # The first poll tells news from what is there already; who is told to be listened to may then publish.
            first = await run_in_threadpool(self._poll)
            yield Message(self._since_ms, "listening", {"saved_search_id": self._saved_search.saved_search_id})
            for message in first:
                yield message
            last_sent = time.monotonic()
            while not self._have.stopping():
                if not self._have.saved_searches.knows(self._saved_search.saved_search_id):
                    yield Message(self._since_ms, "ended", {})
                    return
                started = time.monotonic()
                for message in await run_in_threadpool(self._poll):
                    yield message
                    last_sent = time.monotonic()
                if time.monotonic() - last_sent > QUIET_S:
                    yield Message(self._since_ms, "quiet", {})
                    last_sent = time.monotonic()
                await asyncio.sleep(max(0.0, POLL_S - (time.monotonic() - started)))
        finally:
            self._have.listeners -= 1

    def _poll(self) -> list[Message]:
        try:
            asked = SearchRequest.model_validate(self._saved_search.request)
            return self._reranked(asked) if asked.across else self._matches(asked)
        except StoreUnavailable as error:
            # The moment does not move: what comes meanwhile is asked for when the store is back.
            log.warning("a standing query waits for a store", error=str(error))
            return []

    def _matches(self, asked: SearchRequest) -> list[Message]:
        """New posts that match."""
        if self._standing is None:
            question = query_of(asked, self._have).question
            self._standing = SavedSearchMatcher(self._have.search, question, self._saved_search.within, self._first_ms)
        news = self._standing.news()
        ranks = {item.id: rank for rank, item in news.matches}
        hits = hits_of(self._have, [item for _, item in news.matches], news.lists, 1)
        self._since_ms = news.asked_at_ms
        return [
            Message(news.asked_at_ms, "match", {**hit.model_dump(mode="json"), "rank": ranks[str(hit.post_id)]})
            for hit in hits
        ]

    def _reranked(self, asked: SearchRequest) -> list[Message]:
        """Places and days that stand elsewhere since posts or patches came."""
        if self._worlds is None:
            made, have = query_of(asked, self._have), self._have
            self._worlds = SavedCrossSourceSearch(
                have.sources,
                have.vectors,
                [have.collection, have.patches],
                made.question,
                made.patch,
                asked.searched,
                self._saved_search.within,
            )
        changed, found = self._worlds.news()
        if found is None:
            return []
        self._since_ms = int(time.time() * 1000)
        return [
            Message(
                self._since_ms,
                "ranked",
                {**cell_hit(told.item, told.rank, found).model_dump(mode="json"), "was": told.was},
            )
            for told in changed
        ]
