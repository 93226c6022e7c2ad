"""Linear combination of scores (Bartell, Cottrell and Belew, SIGIR 1994; CombSUM without weights)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.fusion.baselines.sums import min_max, weighted_sums
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score


def weighted_scores(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores."""
    return by_score(lists, weighted_sums(lists, weights, min_max))
