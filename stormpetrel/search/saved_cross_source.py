"""Saved cross-source searches: when posts or a product's patches arrive, places and days are ranked again.

A poll asks only when something was last written to each collection. Where that is later than before, the search runs
again, and every place-and-time cell with another rank or a new member is a match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stormpetrel.core.clock import now_ms
from stormpetrel.core.ports import OrderQuery, VectorReader
from stormpetrel.fusion import FusedItem
from stormpetrel.search.cross_source import CrossSourceResult

SETTLED_MS = 700  # a product's patches come in several batches: the search waits until no more come


@dataclass(frozen=True)
class RankedCell:
    """A cell's rank, and its rank at the last search (None: it was not among the first)."""

    rank: int
    previous_rank: int | None
    item: FusedItem


class SavedCrossSourceMatcher:
    """The changed ranks of one saved search for one listener. `clock` returns milliseconds since 1970. Not for two
    threads at once."""

    def __init__(
        self,
        search: Callable[[], CrossSourceResult],
        index: VectorReader,
        collections: Sequence[str],
        within: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._search, self._index, self._collections = search, index, collections
        self._within, self._clock = within, clock
        self._written_ms: list[int] | None = None
        self._ranks: dict[str, int] = {}
        self._members: dict[str, frozenset[str]] = {}

    def poll(self) -> tuple[list[RankedCell], CrossSourceResult | None]:
        """The cells that changed since the last poll, and the search they come from; none at the first poll. Raises
        StoreUnavailable."""
        written_ms = [self._last_written_ms(collection) for collection in self._collections]
        if written_ms == self._written_ms:
            return [], None
        if self._written_ms is not None and self._clock() - max(written_ms) < SETTLED_MS:
            return [], None
        result = self._search()
        first = result.items[: self._within]
        ranks = {item.id: rank for rank, item in enumerate(first, start=1)}
        members = {item.id: frozenset(member.id for member in result.members.get(item.id, ())) for item in first}
        changed = [
            RankedCell(rank, self._ranks.get(item.id), item)
            for rank, item in enumerate(first, start=1)
            if self._ranks.get(item.id) != rank or members[item.id] - self._members.get(item.id, frozenset())
        ]
        matches = changed if self._written_ms is not None else []
        self._written_ms, self._ranks, self._members = written_ms, ranks, members
        return matches, result

    def _last_written_ms(self, collection: str) -> int:
        """When something was last written to a collection, milliseconds since 1970; 0 where nothing was."""
        newest = OrderQuery("indexed_at", "desc", limit=1, payload=("id", "indexed_at"))
        (hits,) = self._index.query(collection, [newest])
        return int(hits[0].payload["indexed_at"]) if hits else 0
