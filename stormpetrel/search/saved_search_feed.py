"""The messages of one saved search for one listener, poll by poll."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from stormpetrel.core.clock import now_ms
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import SavedSearch
from stormpetrel.search.answer import cell_hit, patch_hit
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.saved_cross_source import SavedCrossSourceMatcher
from stormpetrel.search.saved_searches import SavedSearchMatcher
from stormpetrel.search.searcher import Searcher

log = structlog.get_logger()


@dataclass(frozen=True)
class Message:
    """`id` is the moment, milliseconds since 1970, up to which the listener has everything."""

    id: int
    event: str
    data: dict[str, Any]


class SavedSearchFeed:
    """From `since_ms` on; None: from now on. Not for two threads at once."""

    def __init__(self, searcher: Searcher, saved_search: SavedSearch, since_ms: int | None) -> None:
        self._searcher, self._saved_search, self._first_ms = searcher, saved_search, since_ms
        self._since_ms = now_ms() if since_ms is None else since_ms
        self._poll: Callable[[], list[Message]] | None = None

    @property
    def saved_search_id(self) -> str:
        return self._saved_search.saved_search_id

    def message(self, event: str, **data: Any) -> Message:
        """A message of the feed itself, such as `listening`."""
        return Message(self._since_ms, event, data)

    def poll(self) -> list[Message]:
        """The matches since the last poll: `match` for a post, `ranked` for a place and day."""
        try:
            if self._poll is None:
                self._poll = self._opened()
            return self._poll()
        except StoreUnavailable as error:
            # The moment does not move: a later poll covers what comes meanwhile.
            log.warning("a saved search waits for a store", error=str(error))
            return []

    def _opened(self) -> Callable[[], list[Message]]:
        request = SearchRequest.model_validate(self._saved_search.request)
        searcher, within = self._searcher, self._saved_search.within
        built = searcher.builder.build(request)
        if not request.searches_patches:
            matcher = SavedSearchMatcher(searcher.posts, built.query, within, self._first_ms)
            return lambda: self._post_matches(matcher)
        search = partial(searcher.cross_source.run, built.query, built.patch, request.searched_sources)
        collections = [searcher.collections.posts, searcher.collections.patches]
        cell_matcher = SavedCrossSourceMatcher(search, searcher.index, collections, within)
        return lambda: self._cell_matches(cell_matcher)

    def _post_matches(self, matcher: SavedSearchMatcher) -> list[Message]:
        new = matcher.poll()
        ranks = {item.id: rank for rank, item in new.matches}
        hits = self._searcher.hits([item for _, item in new.matches], new.lists, 1)
        self._since_ms = new.polled_at_ms
        return [
            self.message("match", **hit.model_dump(mode="json") | {"rank": ranks[str(hit.post_id)]}) for hit in hits
        ]

    def _cell_matches(self, matcher: SavedCrossSourceMatcher) -> list[Message]:
        cells, result = matcher.poll()
        if result is None:
            return []
        self._since_ms = now_ms()
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
