"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.fusion.baselines.sums import weighted_sums
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

RRF_K = 60  # the paper's constant


def rrf(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of 1 / (60 + rank)."""
    return by_score(
        lists, weighted_sums(lists, weights, lambda ranked: (1 / (RRF_K + n) for n in ranked.ranks.values()))
    )
