"""Searches posts: one ranked list a modality, in one round trip to the index, then fusion and relevance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import IndexQuery, NearestQuery, Scored, VectorReader
from stormpetrel.fusion import LEARNED_TENSOR, FusedItem, LearnedTensor, RankList, fuse, plain_order
from stormpetrel.fusion.learned_tensor import FEEDBACK, FEEDBACK_FROM
from stormpetrel.search.modalities import MODALITIES, SPARSE, Modality, active_modalities
from stormpetrel.search.nearness import Space, Spatiotemporal, judging_all, nearness
from stormpetrel.search.place_names import NamedPlace
from stormpetrel.search.query import Query
from stormpetrel.search.relevance import NO_TEXT, NO_WEIGHTS, Relevance

PLAIN_TENSOR = "tensor_min"  # in place of the learned one, where nothing was learned for the text model

PLAIN_NOTE = (
    f"{PLAIN_TENSOR} serves: nothing was learned for this text model. "
    "Learn it: stormpetrel train ranking --data DIR --questions FILE"
)


@dataclass(frozen=True)
class Learned:
    """What was learned for the text model at work; None where nothing was."""

    fusion: LearnedTensor | None = None
    relevance: Relevance | None = None


@dataclass(frozen=True)
class SearchResult:
    """The fused hits, the lists they come from, the modalities that were searched and have no hits, those whose list
    ranks no hit above another and so has no say, why some could not be searched, and the place that a name was taken
    for.

    `relevance` is the probability of each hit; where it is empty, `relevance_note` says why. `fusion` is the method
    that fused.
    """

    items: list[FusedItem]
    lists: list[RankList]
    empty_modalities: tuple[str, ...]
    uninformative: tuple[str, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)
    near: NamedPlace | None = None
    relevance: Mapping[str, float] = field(default_factory=dict)
    relevance_note: str | None = None
    fusion: str = ""


class PostSearch:
    """Searches one collection of posts. Without what was `learned`, the plain tensor fuses, and relevance is
    unknown."""

    def __init__(self, index: VectorReader, collection: str, learned: Learned = Learned()) -> None:
        self._index, self._collection, self._learned = index, collection, learned

    def run(self, query: Query) -> SearchResult:
        """Raises StoreUnavailable where the index does not answer, BadQuery where there is no such fusion."""
        return self.ranked(query, self.lists(query))

    def ranked(self, query: Query, lists: Sequence[RankList]) -> SearchResult:
        """The lists of posts fused, with feedback and relevance; raises as `run` does."""
        feedback = self.feedback(query, [ranked for ranked in lists if len(ranked)])
        return self.fused(query, lists, feedback, self.relevance(query, [*lists, *([feedback] if feedback else ())]))

    def fused(
        self,
        query: Query,
        lists: Sequence[RankList],
        feedback: RankList | None = None,
        relevance: Mapping[str, float] | None = None,
    ) -> SearchResult:
        """The lists of all modalities fused, of posts or of what stands for them; raises as `run` does."""
        order = {name: number for number, name in enumerate(MODALITIES)}
        lists = sorted(lists, key=lambda ranked: order.get(ranked.modality, len(order)))
        empty_modalities = tuple(ranked.modality for ranked in lists if not len(ranked))
        filled = [ranked for ranked in lists if len(ranked)]
        informing = {ranked.modality for ranked in with_a_say(filled, query.depth)}
        uninformative = tuple(ranked.modality for ranked in filled if ranked.modality not in informing)
        known = relevance or {}
        items = _relevant(self.fuse(query, filled, feedback), query.min_relevance, known)
        return SearchResult(
            items,
            filled,
            empty_modalities,
            uninformative,
            relevance=known,
            relevance_note=None if known else self._why_unknown(query),
            fusion=self.method(query),
        )

    def relevance(self, query: Query, lists: Sequence[RankList]) -> dict[str, float]:
        """The probability that each item of the lists answers the query; empty where it is unknown.

        Raises BadQuery where the query asks for a least relevance, and it is unknown.
        """
        relevance = self._learned.relevance
        known = relevance.of_lists(lists, query.words) if relevance and query.text is not None else {}
        if query.min_relevance is not None and not known and any(len(ranked) for ranked in lists):
            raise BadQuery("min_relevance", self._why_unknown(query), "Leave it out, or ask with a text")
        return known

    def _why_unknown(self, query: Query) -> str:
        return NO_TEXT if self._learned.relevance and query.text is None else NO_WEIGHTS

    def method(self, query: Query) -> str:
        """The fusion that the query gets."""
        unlearned = query.fusion == LEARNED_TENSOR and self._learned.fusion is None
        return PLAIN_TENSOR if unlearned else query.fusion

    def lists(self, query: Query) -> list[RankList]:
        """One list for each modality that the query has a part for; empty where it has no hits."""
        return judging_all(self.lists_alone(query), query)

    def lists_alone(self, query: Query) -> list[RankList]:
        """The same, and no list judges what another one holds."""
        # One hit more than the depth: a post that is its own best hit is taken out.
        planned = [(modality, modality.index_queries(query, query.depth + 1)) for modality in active_modalities(query)]
        # One batch: one round trip, and one state of the index for all modalities.
        responses = iter(self._ask([part for _, parts in planned for part in parts]))
        return [self._list(modality, [next(responses) for _ in parts], query) for modality, parts in planned if parts]

    def _ask(self, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        return self._index.query(self._collection, queries)

    def _list(self, modality: Modality, answers: Sequence[Sequence[Scored]], query: Query) -> RankList:
        hits = [hit for answer in answers for hit in answer]
        if isinstance(modality, Space | Spatiotemporal):
            hits = modality.nearest(query, query.depth + 1, answers, self._ask)
        threshold = query.score_threshold.get(modality.name, -np.inf)
        scores = modality.scores(hits, query)
        kept = [(item, score) for item, score in scores if item != query.exclude and score >= threshold]
        resolution = getattr(modality, "resolution", 0.0)
        return RankList.of(modality.name, kept, nearness(hits, query), resolution).head(query.depth)

    def fuse(self, query: Query, lists: Sequence[RankList], feedback: RankList | None = None) -> list[FusedItem]:
        """The lists fused by the method that the query names; a list of weight 0, and one that ranks no item above
        another, are left out. `feedback` is one more list of the learned tensor."""
        weighted = _counting(query, lists)
        learned, method = self._learned.fusion, self.method(query)
        if method != LEARNED_TENSOR or learned is None:
            return fuse(weighted, method, query.weights)
        return learned([*weighted, *([feedback] if feedback else ())], query.weights)

    def feedback(self, query: Query, lists: Sequence[RankList]) -> RankList | None:
        """The text list of the query moved to the mean of its best hits by the plain tensor (Rocchio 1971, both of
        equal weight). None for the other fusions, where the query or these hits have no text vector, and where text is
        not to be searched or has no weight. Where text has a least score, only posts of its list may be in this one."""
        text = query.text if query.only is None or "text" in query.only else None
        if self.method(query) != LEARNED_TENSOR or text is None or not query.weights.get("text", 1.0):
            return None
        best = plain_order(_counting(query, lists), query.weights)[:FEEDBACK_FROM]
        if not best:
            return None
        vectors_of = self._index.vectors(self._collection, best, ["text"])
        vectors = [vectors["text"] for vectors in vectors_of.values() if "text" in vectors]
        if not vectors:
            return None
        moved = text + np.mean([vector / np.linalg.norm(vector) for vector in vectors], axis=0)
        nearest = NearestQuery("text", dense=moved.astype(np.float32), filter=query.filter, limit=query.depth + 1)
        (hits,) = self._index.query(self._collection, [nearest])
        scores = ((hit.payload["id"], hit.score) for hit in hits if hit.payload["id"] != query.exclude)
        if "text" in query.score_threshold:
            near_enough = {item for ranked in lists if ranked.modality == "text" for item in ranked.items}
            scores = ((item, score) for item, score in scores if item in near_enough)
        return RankList.of(FEEDBACK, scores).head(query.depth)


def _relevant(items: list[FusedItem], least: float | None, relevance: Mapping[str, float]) -> list[FusedItem]:
    return items if least is None else [item for item in items if relevance.get(item.id, 0.0) >= least]


def _counting(query: Query, lists: Sequence[RankList]) -> list[RankList]:
    """The lists that count in a fusion: those that have a weight and a say."""
    return with_a_say([ranked for ranked in lists if query.weights.get(ranked.modality, 1.0) > 0], query.depth)


def with_a_say(lists: Sequence[RankList], depth: int) -> list[RankList]:
    """The lists that inform; all of them where none does.

    A list informs if it ranks an item above another. If all its items are equal, it may still tell them from the items
    that it lacks: a list of words or concepts does, since these share no term with the query; another one does if it is
    whole, since a list that is cut has left out items that are as good.
    """

    def informs(ranked: RankList) -> bool:
        if ranked.tells_apart:
            return True
        lacks = any(item not in ranked.ranks for other in lists for item in other.items)
        return lacks and (ranked.modality in SPARSE or len(ranked) < depth)

    return [ranked for ranked in lists if informs(ranked)] or list(lists)
