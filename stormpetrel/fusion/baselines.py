"""The fusions that tensor fusion is compared with, behind one interface: ranked lists in, a fused list out.

Scores are min-max normalised within their list before they are joined; an item that a list does not hold gets
nothing from it. Every method takes weights by modality (1 where none is given).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from stormpetrel.fusion.explained import FusedItem
from stormpetrel.fusion.rank_list import RankList

RRF_K = 60  # Cormack, Clarke, Buettcher 2009
RERANKED = 50  # items of the first list that sequential re-ranking takes a second look at
RESTART = 0.15
STEPS = 30
Weights = Mapping[str, float]


def normalised(ranked: RankList) -> list[float]:
    """The scores between 0 (the last of the list) and 1 (the first); all 1 where they are all the same."""
    if not ranked.scores:
        return []
    low, high = min(ranked.scores), max(ranked.scores)
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranked.scores]


def by_score(lists: Sequence[RankList], scores: Mapping[str, float]) -> list[FusedItem]:
    """The items with these scores, the highest first, ties by id, each with its ranks."""
    ranks: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ranked in lists:
        for rank, item in enumerate(ranked.items, start=1):
            ranks[item][ranked.modality] = rank
    # Rounded: the last bits of a sum depend on the order of the lists.
    ordered = sorted(scores, key=lambda item: (-round(scores[item], 12), item))
    return [FusedItem(item, ranks[item], score=scores[item]) for item in ordered]


def reciprocal_rank(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """Reciprocal rank fusion: the sum of 1 / (60 + rank) (Cormack et al. 2009)."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        share = (weights or {}).get(ranked.modality, 1.0)
        for rank, item in enumerate(ranked.items, start=1):
            scores[item] += share / (RRF_K + rank)
    return by_score(lists, scores)


def borda(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """Borda count over the union of n items: n - rank + 1 points; what a list does not hold shares what is left."""
    union = {item for ranked in lists for item in ranked.items}
    scores = dict.fromkeys(union, 0.0)
    for ranked in lists:
        share = (weights or {}).get(ranked.modality, 1.0)
        rest = (len(union) - len(ranked) + 1) / 2
        for item in union:
            rank = ranked.ranks.get(item)
            scores[item] += share * (rest if rank is None else len(union) - rank + 1)
    return by_score(lists, scores)


def comb_mnz(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """The sum of normalised scores times the number of lists that hold the item (Fox and Shaw 1994)."""
    sums: defaultdict[str, float] = defaultdict(float)
    held: defaultdict[str, int] = defaultdict(int)
    for ranked in lists:
        share = (weights or {}).get(ranked.modality, 1.0)
        for item, score in zip(ranked.items, normalised(ranked), strict=True):
            sums[item] += share * score
            held[item] += 1
    return by_score(lists, {item: total * held[item] for item, total in sums.items()})


def weighted_scores(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """The weighted sum of normalised scores."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        share = (weights or {}).get(ranked.modality, 1.0)
        for item, score in zip(ranked.items, normalised(ranked), strict=True):
            scores[item] += share * score
    return by_score(lists, scores)


def sequential(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """Sequential re-ranking: the heaviest list retrieves, each next one re-ranks the first 50 that it also holds.

    An item keeps the mean of its place so far and its place among the others in the next list. What only later
    lists hold is appended. Lists of one weight go by name.
    """
    share = weights or {}
    queue = sorted(lists, key=lambda ranked: (-share.get(ranked.modality, 1.0), ranked.modality))
    order: list[str] = []
    for ranked in queue:
        head = [item for item in order[:RERANKED] if item in ranked.ranks]
        by_next = {item: n for n, item in enumerate(sorted(head, key=ranked.ranks.__getitem__))}
        mixed = iter(sorted(head, key=lambda item: (head.index(item) + by_next[item], item)))
        order = [next(mixed) if item in by_next else item for item in order]
        known = set(order)
        order += [item for item in ranked.items if item not in known]
    return by_score(lists, {item: -float(place) for place, item in enumerate(order)})


def graph(lists: Sequence[RankList], weights: Weights | None = None) -> list[FusedItem]:
    """A random walk with restarts between lists and items, edges by normalised score (after Ah-Pine, Csurka and
    Clinchant 2015, who unify fusion by such walks); items are ranked by where the walker is found."""
    present = sorted((ranked for ranked in lists if len(ranked)), key=lambda ranked: ranked.modality)
    if not present:
        return []
    union = sorted({item for ranked in present for item in ranked.items})
    row = {item: n for n, item in enumerate(union)}
    edges = np.zeros((len(present), len(union)))
    for n, ranked in enumerate(present):
        # Never 0: the last of a list is still in it.
        edges[n, [row[item] for item in ranked.items]] = np.asarray(normalised(ranked)) + 0.01
    to_items = edges / edges.sum(axis=1, keepdims=True)
    to_lists = (edges / edges.sum(axis=0, keepdims=True)).T
    start = np.array([(weights or {}).get(ranked.modality, 1.0) for ranked in present])
    start = start / start.sum() if start.sum() > 0 else np.full(len(present), 1 / len(present))
    at = start
    for _ in range(STEPS):
        at = RESTART * start + (1 - RESTART) * ((at @ to_items) @ to_lists)
    return by_score(present, dict(zip(union, (at @ to_items).tolist(), strict=True)))
