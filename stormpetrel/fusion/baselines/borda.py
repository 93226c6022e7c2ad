"""Borda count (Aslam and Montague, "Models for metasearch", SIGIR 2001)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score


def borda(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the weighted sum of n - rank + 1 points, n the size of the union. The items that a list lacks share
    evenly the points that it leaves over."""
    union = {item for ranked in lists for item in ranked.items}
    scores = dict.fromkeys(union, 0.0)
    for ranked in lists:
        weight = (weights or {}).get(ranked.modality, 1.0)
        rank_when_absent = (len(union) + len(ranked) + 1) / 2
        for item in union:
            scores[item] += weight * (len(union) + 1 - ranked.ranks.get(item, rank_when_absent))
    return by_score(lists, scores)
