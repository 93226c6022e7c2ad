"""What the fusions by a weighted sum over the lists have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from stormpetrel.fusion.rank_list import RankList


def min_max(ranked: RankList) -> list[float]:
    """The scores between 0 (the last of the list) and 1 (the first), without which scores of two modalities cannot be
    added (Lee, SIGIR 1997); all 1 where they are all the same.

    >>> min_max(RankList("text", ("a", "b", "c"), (1.0, 0.5, 0.0)))
    [1.0, 0.5, 0.0]
    """
    low, high = min(ranked.scores, default=0.0), max(ranked.scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranked.scores]


def weighted_sums(
    lists: Sequence[RankList], weights: Mapping[str, float] | None, points: Callable[[RankList], Iterable[float]]
) -> dict[str, float]:
    """Each item's points from all lists, a list's by its weight."""
    sums: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        for item, point in zip(ranked.items, points(ranked), strict=True):
            sums[item] += weight * point
    return sums
