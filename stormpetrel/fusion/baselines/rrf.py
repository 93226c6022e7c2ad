"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from stormpetrel.fusion.fused_item import FusedItem, by_score
from stormpetrel.fusion.rank_list import RankList

RRF_K = 60  # the paper's constant


def rrf(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of 1 / (60 + rank)."""
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        for rank, item in enumerate(ranked.items, start=1):
            scores[item] += weight / (RRF_K + rank)
    return by_score(lists, scores)
