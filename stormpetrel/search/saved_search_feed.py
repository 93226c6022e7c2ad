"""The messages of one saved search for its listeners: each match of a post, or each place and day ranked anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog

from stormpetrel.core.clock import milliseconds, now_ms
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import PostMatched, SavedSearch
from stormpetrel.search.answer import MatchedPost, cell_hit, patch_hit
from stormpetrel.search.matched_posts import MatchedPosts
from stormpetrel.search.recent_matches import BEFORE_ALL, RecentMatches
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.saved_cross_source import SavedCrossSourceMatcher
from stormpetrel.search.searcher import Searcher

log = structlog.get_logger()
INDEXED_WITHIN_MS = 10_000  # a match whose post is not indexed by then has none any more: it was deleted
CELLS_EVERY_S = 0.5
WITHIN = 20


@dataclass(frozen=True)
class Message:
    """`id` says up to where the listener has everything: the id of the last match, or milliseconds since 1970."""

    id: str
    event: str
    data: dict[str, Any]


class SavedSearchFeed(Protocol):
    """What a listener hears of one saved search. Not for two threads at once."""

    @property
    def saved_search_id(self) -> str: ...

    @property
    def is_waiting(self) -> bool:
        """Whether there is more to tell, once a store has it."""

    def message(self, event: str, **data: Any) -> Message:
        """A message of the feed itself, such as `listening`."""

    def poll(self) -> list[Message]:
        """What came since the last poll."""


class PostFeed:
    """`match` messages of a saved search over posts: after the match `since_id`; None: from now on."""

    def __init__(
        self, saved_search_id: str, matches: RecentMatches, posts: MatchedPosts, since_id: str | None = None
    ) -> None:
        self.saved_search_id, self._matches, self._posts = saved_search_id, matches, posts
        self._since_id = since_id
        self._number, newest_id = matches.newest(saved_search_id)
        self._last_id = newest_id if since_id is None else (since_id or BEFORE_ALL)
        self._waiting: list[PostMatched] = []

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting) or self._since_id is not None

    def message(self, event: str, **data: Any) -> Message:
        return Message(self._last_id, event, data)

    def poll(self) -> list[Message]:
        try:
            self._waiting += self._new()
            return self._ready() if self._waiting else []
        except StoreUnavailable as error:
            # What waits is kept: a later poll sends it.
            log.warning("a saved search waits for a store", error=str(error))
            return []

    def _new(self) -> list[PostMatched]:
        if self._since_id is not None:
            number, _ = self._matches.newest(self.saved_search_id)
            missed = list(self._matches.after_id(self.saved_search_id, self._since_id))
            self._since_id, self._number = None, number
            return missed
        numbered = self._matches.after_number(self.saved_search_id, self._number)
        if numbered is None:
            last_id = self._waiting[-1].match_id if self._waiting else self._last_id
            self._number, _ = self._matches.newest(self.saved_search_id)
            return list(self._matches.after_id(self.saved_search_id, last_id))
        if numbered:
            self._number = numbered[-1].number
        return [entry.match for entry in numbered]

    def _ready(self) -> list[Message]:
        """The matches whose posts are indexed, up to the first that may be soon: they keep their order."""
        documents = self._posts.get([match.post_id for match in self._waiting])
        messages: list[Message] = []
        while self._waiting:
            match = self._waiting[0]
            document = documents.get(match.post_id)
            if document is None and now_ms() - milliseconds(match.matched_at) < INDEXED_WITHIN_MS:
                break
            self._waiting.pop(0)
            if document is None:
                log.info("a match is not sent: its post is gone", post=match.post_id)
                continue
            self._last_id = match.match_id
            data = MatchedPost.of(match, *document).model_dump(mode="json")
            messages.append(self.message("match", **data))
        return messages


class CellFeed:
    """`ranked` messages of a saved search of patches: places and days whose rank has changed."""

    is_waiting = False

    def __init__(self, searcher: Searcher, saved_search: SavedSearch) -> None:
        self._searcher, self._saved_search = searcher, saved_search
        self.saved_search_id = saved_search.saved_search_id
        self._searched_ms, self._next_s = now_ms(), 0.0
        self._matcher: SavedCrossSourceMatcher | None = None

    def message(self, event: str, **data: Any) -> Message:
        return Message(str(self._searched_ms), event, data)

    def poll(self) -> list[Message]:
        if time.monotonic() < self._next_s:
            return []
        self._next_s = time.monotonic() + CELLS_EVERY_S
        try:
            self._matcher = self._matcher or self._opened()
            return self._cells(self._matcher)
        except StoreUnavailable as error:
            log.warning("a saved search waits for a store", error=str(error))
            return []

    def _opened(self) -> SavedCrossSourceMatcher:
        request, searcher = SearchRequest.model_validate(self._saved_search.request), self._searcher
        built = searcher.builder.build(request)
        search = partial(searcher.cross_source.run, built.query, built.patch, request.searched_sources)
        collections = [searcher.collections.posts, searcher.collections.patches]
        within = self._saved_search.within or WITHIN
        return SavedCrossSourceMatcher(search, searcher.index, collections, within)

    def _cells(self, matcher: SavedCrossSourceMatcher) -> list[Message]:
        cells, result = matcher.poll()
        if result is None:
            return []
        self._searched_ms = now_ms()
        names = self._searcher.names
        hits = [
            cell_hit(cell.item, cell.rank, result.lists, result.members[cell.item.id], names)
            if cell.item.id in result.members
            else patch_hit(cell.item, cell.rank, result.lists, result.patches, names)
            for cell in cells
        ]
        return [
            self.message("ranked", **hit.model_dump(mode="json"), previous_rank=cell.previous_rank)
            for hit, cell in zip(hits, cells, strict=True)
        ]


@dataclass(frozen=True)
class SavedSearchFeeds:
    """Opens the feed of any saved search."""

    searcher: Searcher
    matches: RecentMatches
    posts: MatchedPosts

    def opener(self, saved_search: SavedSearch) -> Callable[[str | None], SavedSearchFeed]:
        """Opens the feed after a message's id; None: from now on."""
        if SearchRequest.model_validate(saved_search.request).searches_patches:
            return lambda _: CellFeed(self.searcher, saved_search)
        return lambda since_id: PostFeed(saved_search.saved_search_id, self.matches, self.posts, since_id)
