"""Linear combination of normalised scores (Bartell, Cottrell and Belew, SIGIR 1994; CombSUM without weights)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from stormpetrel.fusion.baselines.normalisation import min_max
from stormpetrel.fusion.fused_item import FusedItem, by_score
from stormpetrel.fusion.rank_list import RankList


def weighted_scores(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of their normalised scores."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        for item, score in zip(ranked.items, min_max(ranked), strict=True):
            scores[item] += weight * score
    return by_score(lists, scores)
