"""CombMNZ (Fox and Shaw, "Combination of multiple searches", TREC-2, 1994)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.fusion.baselines.sums import min_max, weighted_sums
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score


def comb_mnz(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores times the number of lists that hold them."""
    sums = weighted_sums(lists, weights, min_max)
    return by_score(
        lists, {item: total * sum(item in ranked.ranks for ranked in lists) for item, total in sums.items()}
    )
