"""Saved searches over posts (percolation): each newly indexed post gets the rank that a search would give it.

The lists of a full search are kept as a reference and renewed from time to time. In between, a poll searches only what
was indexed since the last one, and merges it into the reference. So a poll costs the new posts, not the whole index.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stormpetrel.core.clock import now_ms
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.search.nearness import judging_all
from stormpetrel.search.query import Query
from stormpetrel.search.search import PostSearch

REFERENCE_MS = 30_000  # the reference lists are renewed after this long
OVERLAP_MS = 10_000  # posts are stamped before they are written: each poll looks back this far for late ones
REMEMBERED = 5_000  # posts that were seen already


@dataclass(frozen=True)
class NewMatches:
    """The new posts among the first of the fused list, the best first, each with its rank there."""

    matches: list[tuple[int, FusedItem]]
    lists: list[RankList]
    polled_at_ms: int


class SavedSearchMatcher:
    """The matches of one saved search for one listener, from `since_ms` on; None: from the first poll on.

    `clock` returns milliseconds since 1970. Not for two threads at once.
    """

    def __init__(
        self, search: PostSearch, query: Query, within: int, since_ms: int | None, clock: Callable[[], int] = now_ms
    ) -> None:
        self._search, self._query, self._within, self._clock = search, query, within, clock
        self._since_ms = since_ms
        self._reference: list[RankList] = []
        self._reference_until_ms = 0
        self._seen: OrderedDict[str, None] = OrderedDict()

    def poll(self) -> NewMatches:
        """What was indexed since the last poll and matches. Raises StoreUnavailable; the next poll then covers it."""
        polled_at_ms = self._clock()
        since_ms = polled_at_ms if self._since_ms is None else self._since_ms
        recent_lists = self._search.lists(_since(self._query, since_ms - OVERLAP_MS))
        recent = {item for ranked in recent_lists for item in ranked.items}
        new = recent - self._seen.keys() if self._since_ms is not None else set()
        matches: list[tuple[int, FusedItem]] = []
        lists: list[RankList] = []
        if new:
            lists = merged(self._current_reference(), recent_lists, self._query.depth)
            lists = judging_all(lists, self._query)
            fused = self._search.fuse(self._query, lists)[: self._within]
            matches = [(rank, item) for rank, item in enumerate(fused, start=1) if item.id in new]
        self._seen |= dict.fromkeys(recent)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._since_ms = polled_at_ms
        return NewMatches(matches, lists, polled_at_ms)

    def _current_reference(self) -> list[RankList]:
        if self._clock() >= self._reference_until_ms:
            self._reference = self._search.lists(self._query)
            self._reference_until_ms = self._clock() + REFERENCE_MS
        return self._reference


def _since(query: Query, moment_ms: int) -> Query:
    ranges = {**query.filter.ranges, "indexed_at": (float(moment_ms), None)}
    return replace(query, filter=replace(query.filter, ranges=ranges))


def merged(reference: Sequence[RankList], recent: Sequence[RankList], depth: int) -> list[RankList]:
    """Each modality's reference list with the recent one merged into it; an item in both has its recent score."""
    before = {ranked.modality: ranked for ranked in reference}
    lists = [before[ranked.modality].merged(ranked) if ranked.modality in before else ranked for ranked in recent]
    return [ranked.head(depth) for ranked in lists if len(ranked)]
