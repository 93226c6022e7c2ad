"""A standing query across worlds: when a product lands, the places and days that it covers are ranked again.

Between two looks only the newest writing of each world is asked for. Where there is a newer one, the search runs again,
and every place-and-day cell whose rank has changed, or that has a new member, is told with the rank it had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stormpetrel.core.ports import OrderQuery, VectorReader
from stormpetrel.fusion import FusedItem
from stormpetrel.search.cross_source import CrossSourceResult, CrossSourceSearch, PatchQuery
from stormpetrel.search.query import Query

SETTLED_MS = 700  # a product's patches come in several batches: it is looked at when no more come


@dataclass(frozen=True)
class Reranked:
    """A cell's rank now and before (None: it was not among the first), with the search that it comes from."""

    rank: int
    was: int | None
    item: FusedItem


class SavedCrossSourceSearch:
    """One listener's view of one question. Not for two threads at once."""

    def __init__(
        self,
        search: CrossSourceSearch,
        index: VectorReader,
        collections: Sequence[str],
        asked: Query,
        patch: PatchQuery,
        sources: Sequence[str],
        within: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._search, self._index, self._collections = search, index, list(collections)
        self._asked, self._patch, self._worlds, self._within = asked, patch, sources, within
        self._clock = clock
        self._written: list[int] | None = None
        self._ranks: dict[str, int] = {}
        self._members: dict[str, frozenset[str]] = {}

    def news(self) -> tuple[list[Reranked], CrossSourceResult | None]:
        """What stands elsewhere than at the last call; nothing at the first. Raises StoreUnavailable."""
        written = [self._newest(collection) for collection in self._collections]
        if written == self._written:
            return [], None
        if self._written is not None and self._clock() * 1000 - max(written) < SETTLED_MS:
            return [], None
        found = self._search.run(self._asked, self._patch, self._worlds)
        first = found.items[: self._within]
        ranks = {item.id: rank for rank, item in enumerate(first, start=1)}
        members = {item.id: frozenset(member.id for member in found.members[item.id]) for item in first}
        changed = [
            Reranked(rank, self._ranks.get(item.id), item)
            for rank, item in enumerate(first, start=1)
            if self._ranks.get(item.id) != rank or members[item.id] - self._members.get(item.id, frozenset())
        ]
        told = changed if self._written is not None else []
        self._written, self._ranks, self._members = written, ranks, members
        return told, found

    def _newest(self, collection: str) -> int:
        """When something was last written to a collection, milliseconds since 1970; 0 where nothing was."""
        query = OrderQuery("indexed_at", "desc", limit=1, payload=("id", "indexed_at"))
        (hits,) = self._index.query(collection, [query])
        return int(hits[0].payload["indexed_at"]) if hits else 0
