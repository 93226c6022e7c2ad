"""The modalities of posts behind one interface: the index queries of each, and the scores of its hits.

Near-duplicates are in no list: they are counted with their original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import IndexQuery, NearestQuery, Scored
from stormpetrel.search.nearness import PLACED, ScoredIds, Space, Spatiotemporal, Time
from stormpetrel.search.query import Query


class Modality(Protocol):
    """One way to find a post. `measure` says what its scores are; higher is better in all modalities. Its class may
    have a `resolution`: scores closer than that are equal."""

    @property
    def name(self) -> str: ...

    @property
    def measure(self) -> str: ...

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        """Empty where the query has no part for this modality."""

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        """(post id, score) of the hits of all its index queries, in any order."""


@dataclass(frozen=True)
class Dense:
    """Cosine similarity to a unit vector, or the dot product with a sparse one."""

    name: str
    part: Callable[[Query], NDArray[np.float32] | TermWeights | None]
    measure: str = "cosine similarity"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        vector = self.part(query)
        payload = PLACED if query.area is not None else PLACED[:2]
        if vector is None:
            return []
        if isinstance(vector, TermWeights):
            return [NearestQuery(self.name, None, (vector.indices, vector.values), query.filter, limit, payload)]
        return [NearestQuery(self.name, vector, None, query.filter, limit, payload)]

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [(hit.payload["id"], hit.score) for hit in hits]


ALL: tuple[Modality, ...] = (
    Dense("text", lambda query: query.text),
    Dense("lexical", lambda query: query.terms, "BM25"),
    Dense("visual", lambda query: query.visual),
    Dense("concepts", lambda query: query.concepts, "cosine similarity of concept scores"),
    Space(),
    Time(),
    Spatiotemporal(),
)
MODALITIES = tuple(modality.name for modality in ALL)
MEASURES = {modality.name: modality.measure for modality in ALL}
WITHOUT_A_MODEL = frozenset({"lexical", "space", "time", "spatiotemporal"})
SPARSE = ("lexical", "concepts")  # a hit shares a term with the query, and what is in no list shares none


def active_modalities(query: Query) -> list[Modality]:
    """The modalities that the query searches: those that it names; else all, with place and time as one where both are
    evidence."""
    if query.only is not None:
        return [modality for modality in ALL if modality.name in query.only]
    left_out = {"spatiotemporal"}
    if not query.ranks_by_place:
        left_out.add("space")
    elif query.at is not None:
        left_out = {"space", "time"}
    return [modality for modality in ALL if modality.name not in left_out]
