"""Searches posts: one ranked list a modality, in one round trip to the index, then fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import IndexQuery, NearestQuery, Scored, VectorReader
from stormpetrel.fusion import ADAPTIVE, ADAPTIVE_FEEDBACK, FusedItem, LearnedFusion, RankList, fuse
from stormpetrel.fusion.adaptive import FEEDBACK, FEEDBACK_FROM
from stormpetrel.search.modalities import MODALITIES, SPARSE, Modality, active_modalities
from stormpetrel.search.nearness import Space, judging_all, nearness
from stormpetrel.search.place_names import NamedPlace
from stormpetrel.search.query import Query


@dataclass(frozen=True)
class SearchResult:
    """The fused hits, the lists they come from, the modalities that were searched and have no hits, those whose list
    ranks no hit above another and so has no say, why some could not be searched, and the place that a name was taken
    for."""

    items: list[FusedItem]
    lists: list[RankList]
    empty_modalities: tuple[str, ...]
    uninformative: tuple[str, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)
    near: NamedPlace | None = None


class PostSearch:
    """Searches one collection of posts. `learned` is what the adaptive fusions need."""

    def __init__(self, index: VectorReader, collection: str, learned: LearnedFusion | None = None) -> None:
        self._index, self._collection, self._learned = index, collection, learned

    def run(self, query: Query) -> SearchResult:
        """Raises StoreUnavailable where the index does not answer, BadQuery where there is no such fusion."""
        return self.fused(query, self.lists(query))

    def fused(self, query: Query, lists: Sequence[RankList], feedback: RankList | None = None) -> SearchResult:
        """The lists of all modalities fused; raises as `run` does, and takes what `fuse` does."""
        order = {name: number for number, name in enumerate(MODALITIES)}
        lists = sorted(lists, key=lambda ranked: order.get(ranked.modality, len(order)))
        empty_modalities = tuple(ranked.modality for ranked in lists if not len(ranked))
        filled = [ranked for ranked in lists if len(ranked)]
        informing = {ranked.modality for ranked in with_a_say(filled, query.depth)}
        uninformative = tuple(ranked.modality for ranked in filled if ranked.modality not in informing)
        return SearchResult(self.fuse(query, filled, feedback), filled, empty_modalities, uninformative)

    def lists(self, query: Query) -> list[RankList]:
        """One list for each modality that the query has a part for; empty where it has no hits."""
        # One hit more than the depth: a post that is its own best hit is taken out.
        planned = [(modality, modality.index_queries(query, query.depth + 1)) for modality in active_modalities(query)]
        # One batch: one round trip, and one state of the index for all modalities.
        responses = iter(self._ask([part for _, parts in planned for part in parts]))
        lists = [self._list(modality, [next(responses) for _ in parts], query) for modality, parts in planned if parts]
        return judging_all(lists, query)

    def _ask(self, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return self._index.query(self._collection, queries)

    def _list(self, modality: Modality, answers: Sequence[Sequence[Scored]], query: Query) -> RankList:
        hits = [hit for answer in answers for hit in answer]
        if isinstance(modality, Space):
            hits = modality.nearest(query, query.depth + 1, answers, self._ask)
        threshold = query.score_threshold.get(modality.name, -np.inf)
        scores = modality.scores(hits, query)
        kept = [(item, score) for item, score in scores if item != query.exclude and score >= threshold]
        resolution = getattr(modality, "resolution", 0.0)
        return RankList.of(modality.name, kept, nearness(hits, query), resolution).head(query.depth)

    def fuse(self, query: Query, lists: Sequence[RankList], feedback: RankList | None = None) -> list[FusedItem]:
        """The lists fused by the method that the query names; a list of weight 0, and one that ranks no item above
        another, are left out. `feedback` is the list of feedback where that is known already."""
        weighted = [ranked for ranked in lists if query.weights.get(ranked.modality, 1.0) > 0]
        weighted = with_a_say(weighted, query.depth)
        if query.fusion not in (ADAPTIVE, ADAPTIVE_FEEDBACK):
            return fuse(weighted, query.fusion, query.weights)
        if self._learned is None:
            problem = "its weights are not there"
            raise BadQuery("fusion", problem, "Learn them: stormpetrel train fusion --data DIR; or give another fusion")
        first_pass = self._learned.first(weighted, query.weights)
        if query.fusion == ADAPTIVE:
            return first_pass
        feedback = feedback or self._feedback(query, [item.id for item in first_pass[:FEEDBACK_FROM]])
        if feedback is None:
            return first_pass
        return self._learned.with_feedback([*weighted, feedback], query.weights)

    def feedback(self, query: Query, lists: Sequence[RankList]) -> RankList | None:
        """The list of feedback for the adaptive fusion that uses one; None for all other fusions."""
        if query.fusion != ADAPTIVE_FEEDBACK or not lists:
            return None
        first_pass = self.fuse(replace(query, fusion=ADAPTIVE), lists)
        return self._feedback(query, [item.id for item in first_pass[:FEEDBACK_FROM]])

    def _feedback(self, query: Query, best: Sequence[str]) -> RankList | None:
        """The text list of the query moved to the mean of its best hits (Rocchio 1971, both of equal weight); None
        where the query or these hits have no text vector."""
        if query.text is None:
            return None
        vectors_of = self._index.vectors(self._collection, best, ["text"])
        vectors = [vectors["text"] for vectors in vectors_of.values() if "text" in vectors]
        if not vectors:
            return None
        moved = query.text + np.mean([vector / np.linalg.norm(vector) for vector in vectors], axis=0)
        nearest = NearestQuery("text", dense=moved.astype(np.float32), filter=query.filter, limit=query.depth + 1)
        (hits,) = self._index.query(self._collection, [nearest])
        scores = ((hit.payload["id"], hit.score) for hit in hits if hit.payload["id"] != query.exclude)
        return RankList.of(FEEDBACK, scores).head(query.depth)


def with_a_say(lists: Sequence[RankList], depth: int) -> list[RankList]:
    """The lists that inform; all of them where none does.

    A list informs if it ranks an item above another. If all its items are equal, it may still tell them from the items
    that it lacks: a list of words or concepts does, since these share no term with the query; another one does if it is
    whole, since a list that is cut has left out items that are as good.
    """

    def informs(ranked: RankList) -> bool:
        lacks = any(item not in ranked.ranks for other in lists for item in other.items)
        return ranked.tells_apart or (lacks and (ranked.modality in SPARSE or len(ranked) < depth))

    return [ranked for ranked in lists if informs(ranked)] or list(lists)
