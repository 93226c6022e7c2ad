"""Searches posts: asks the index for every modality at once, and fuses what comes back. Knows the ports alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import NearestQuery, Scored, VectorReader
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.fusion.adaptive import FEEDBACK, FEEDBACK_FROM, LearnedFusion
from stormpetrel.fusion.methods import ADAPTIVE, ADAPTIVE_FEEDBACK, method
from stormpetrel.search.modalities import MODALITIES, Modality, active_modalities
from stormpetrel.search.query import Query


@dataclass(frozen=True)
class SearchResult:
    """The fused hits, the lists they come from, and the modalities that had nothing to say."""

    items: list[FusedItem]
    lists: list[RankList]
    empty_modalities: tuple[str, ...]


class PostSearch:
    """Searches one collection of posts. `learned` is what the adaptive fusions need."""

    def __init__(self, index: VectorReader, collection: str, learned: LearnedFusion | None = None) -> None:
        self._index, self._collection, self._learned = index, collection, learned

    def run(self, asked: Query) -> SearchResult:
        """Raises StoreUnavailable where the index does not answer, BadQuery where there is no such fusion."""
        return self.joined(asked, self.lists(asked))

    def joined(self, asked: Query, lists: Sequence[RankList]) -> SearchResult:
        """The lists of all modalities fused; raises as `run` does."""
        lists = sorted(lists, key=lambda ranked: MODALITIES.index(ranked.modality))
        empty_modalities = tuple(ranked.modality for ranked in lists if not len(ranked))
        shown = [ranked for ranked in lists if len(ranked)]
        return SearchResult(self.fuse(asked, shown), shown, empty_modalities)

    def lists(self, asked: Query) -> list[RankList]:
        """One list for each modality that the question has a part for; empty where it found nothing."""
        asking = [(modality, modality.queries(asked, asked.depth + 1)) for modality in active_modalities(asked)]
        # One batch: one round trip, and one state of the index for all of them. One hit more than the depth: the
        # post that asks is its own best hit, and is taken out.
        answers = iter(self._index.query(self._collection, [query for _, queries in asking for query in queries]))
        return [
            self._list(modality, [hit for _ in queries for hit in next(answers)], asked)
            for modality, queries in asking
            if queries
        ]

    @staticmethod
    def _list(modality: Modality, hits: Sequence[Scored], asked: Query) -> RankList:
        floor = asked.score_threshold.get(modality.name, -np.inf)
        scored = [
            (item, score) for item, score in modality.scored(hits, asked) if item != asked.exclude and score >= floor
        ]
        return RankList.of(modality.name, scored).head(asked.depth)

    def fuse(self, asked: Query, lists: Sequence[RankList]) -> list[FusedItem]:
        """The lists joined by the fusion that the question names; a list of weight 0 is left out."""
        heard = [ranked for ranked in lists if asked.weights.get(ranked.modality, 1.0) > 0]
        if asked.fusion not in (ADAPTIVE, ADAPTIVE_FEEDBACK):
            return method(asked.fusion)(heard, asked.weights)
        if self._learned is None:
            problem = "its weights are not there"
            raise BadQuery("fusion", problem, "Learn them: stormpetrel train fusion --data DIR; or give another fusion")
        fused = self._learned.first(heard, asked.weights)
        more = self._feedback(asked, [item.id for item in fused[:FEEDBACK_FROM]]) if asked.text is not None else None
        if asked.fusion == ADAPTIVE or more is None:
            return fused
        return self._learned.with_feedback([*heard, more], asked.weights)

    def _feedback(self, asked: Query, best: Sequence[str]) -> RankList | None:
        """The text list of the question moved to the mean of its best answers (Rocchio 1971, of equal weight)."""
        found = self._index.vectors(self._collection, best, ["text"]).values()
        vectors = [held["text"] for held in found if "text" in held]
        if not vectors or asked.text is None:
            return None
        moved = asked.text + np.mean([vector / np.linalg.norm(vector) for vector in vectors], axis=0)
        query = NearestQuery("text", dense=moved.astype(np.float32), filter=asked.filter, limit=asked.depth + 1)
        (hits,) = self._index.query(self._collection, [query])
        scored = ((hit.payload["id"], hit.score) for hit in hits if hit.payload["id"] != asked.exclude)
        return RankList.of(FEEDBACK, scored).head(asked.depth)
