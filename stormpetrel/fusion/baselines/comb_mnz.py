"""CombMNZ (Fox and Shaw, "Combination of multiple searches", TREC-2, 1994)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from stormpetrel.fusion.baselines.normalisation import min_max
from stormpetrel.fusion.fused_item import FusedItem, by_score
from stormpetrel.fusion.rank_list import RankList


def comb_mnz(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores times the number of lists that hold them."""
    sums: defaultdict[str, float] = defaultdict(float)
    list_counts: defaultdict[str, int] = defaultdict(int)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        for item, score in zip(ranked.items, min_max(ranked), strict=True):
            sums[item] += weight * score
            list_counts[item] += 1
    return by_score(lists, {item: total * list_counts[item] for item, total in sums.items()})
