"""The fusions that order items by a weighted sum over the lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

RRF_K = 60  # the paper's constant


def rrf(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of 1 / (60 + rank): reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR
    2009)."""
    return by_score(lists, _sums(lists, weights, lambda ranked: (1 / (RRF_K + n) for n in ranked.ranks.values())))


def weighted_scores(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores (Bartell, Cottrell and Belew, SIGIR 1994; CombSUM without
    weights)."""
    return by_score(lists, _sums(lists, weights, min_max))


def comb_mnz(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores times the number of lists that hold them (Fox and Shaw,
    "Combination of multiple searches", TREC-2, 1994)."""
    sums = _sums(lists, weights, min_max)
    return by_score(
        lists, {item: total * sum(item in ranked.ranks for ranked in lists) for item, total in sums.items()}
    )


def borda(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of n - rank + 1 points, n the size of the union (Borda count: Aslam and Montague,
    "Models for metasearch", SIGIR 2001). The items that a list lacks share evenly the points that it leaves over."""
    union = {item for ranked in lists for item in ranked.items}
    scores = dict.fromkeys(union, 0.0)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        rank_when_absent = (len(union) + len(ranked) + 1) / 2
        for item in union:
            scores[item] += weight * (len(union) + 1 - ranked.ranks.get(item, rank_when_absent))
    return by_score(lists, scores)


def min_max(ranked: RankList) -> list[float]:
    """The scores between 0 (the last of the list) and 1 (the first), without which scores of two modalities cannot be
    added (Lee, SIGIR 1997); all 1 where they are all the same.

    >>> min_max(RankList("text", ("a", "b", "c"), (1.0, 0.5, 0.0)))
    [1.0, 0.5, 0.0]
    """
    low, high = min(ranked.scores, default=0.0), max(ranked.scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranked.scores]


def _sums(
    lists: Sequence[RankList], weights: Mapping[str, float] | None, points: Callable[[RankList], Iterable[float]]
) -> dict[str, float]:
    """Each item's points from all lists, a list's by its weight."""
    sums: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        for item, point in zip(ranked.items, points(ranked), strict=True):
            sums[item] += weight * point
    return sums
