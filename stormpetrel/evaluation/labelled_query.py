"""A query of a test collection with its rank lists, as the fusions that are compared get it."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.fusion import RankList


@dataclass(frozen=True)
class LabelledQuery:
    """The lists of a query, the ids of the relevant posts, the query's event, and the milliseconds that the lists
    took."""

    lists: tuple[RankList, ...]
    relevant: frozenset[str]
    event: str
    ms: float
