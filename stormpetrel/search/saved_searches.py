"""A standing query: each newly indexed post is placed in the question's own lists, and fused as a search would.

The lists of a full search are kept as a reference and made anew from time to time; between two of those a poll asks
the index for what was written since, with the same question, and ranks the news among them. So a poll costs the news,
not the whole index, and a post that it finds has the rank that a search would give it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stormpetrel.core.ports import Filter
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.search.query import Query
from stormpetrel.search.search import PostSearch

REFERENCE_S = 30.0  # a list of references is trusted this long
OVERLAP_MS = 10_000  # a batch is stamped before it is written: what came late is asked for once more
REMEMBERED = 5_000  # posts that were told already


@dataclass(frozen=True)
class NewMatches:
    """The new posts that stand within the first of the fused list, best first, each with its rank there."""

    matches: list[tuple[int, FusedItem]]
    lists: list[RankList]
    asked_at_ms: int


class SavedSearchMatcher:
    """One listener's view of one question, from `since_ms` on; None: from now, and what is there is no news. Not for
    two threads at once."""

    def __init__(
        self,
        search: PostSearch,
        asked: Query,
        within: int,
        since_ms: int | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._search, self._asked, self._within, self._clock = search, asked, within, clock
        self._since_ms = since_ms
        self._reference: list[RankList] = []
        self._reference_until = 0.0
        self._told: OrderedDict[str, None] = OrderedDict()

    def news(self) -> NewMatches:
        """What was indexed since the last call and matches. Raises StoreUnavailable; the next call then asks again."""
        asked_at_ms = int(self._clock() * 1000)
        since = asked_at_ms if self._since_ms is None else self._since_ms
        fresh = self._search.lists(replace(self._asked, filter=_since(self._asked.filter, since - OVERLAP_MS)))
        found = {item for ranked in fresh for item in ranked.items}
        new = found - self._told.keys() if self._since_ms is not None else set()
        matches: list[tuple[int, FusedItem]] = []
        lists: list[RankList] = []
        if new:
            lists = joined(self._current_reference(), fresh, self._asked.depth)
            fused = self._search.fuse(self._asked, lists)[: self._within]
            matches = [(rank, item) for rank, item in enumerate(fused, start=1) if item.id in new]
        self._told |= dict.fromkeys(found)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._since_ms = asked_at_ms
        return NewMatches(matches, lists, asked_at_ms)

    def _current_reference(self) -> list[RankList]:
        if self._clock() >= self._reference_until:
            self._reference = self._search.lists(self._asked)
            self._reference_until = self._clock() + REFERENCE_S
        return self._reference


def _since(given: Filter, moment_ms: int) -> Filter:
    return replace(given, ranges={**given.ranges, "indexed_at": (float(moment_ms), None)})


def joined(reference: Sequence[RankList], fresh: Sequence[RankList], depth: int) -> list[RankList]:
    """Each modality's reference list with the fresh one sorted into it; an item in both has its fresh score."""
    by_name = {ranked.modality: ranked for ranked in reference}
    found = []
    for ranked in fresh:
        held = by_name.get(ranked.modality, RankList(ranked.modality, (), ()))
        scores = dict(zip(held.items, held.scores, strict=True)) | dict(zip(ranked.items, ranked.scores, strict=True))
        found.append(RankList.of(ranked.modality, scores.items()).head(depth))
    return [ranked for ranked in found if len(ranked)]
