"""Min-max normalisation of scores, without which scores of two modalities cannot be added (Lee, SIGIR 1997)."""

from __future__ import annotations

from stormpetrel.fusion.rank_list import RankList


def min_max(ranked: RankList) -> list[float]:
    """The scores between 0 (the last of the list) and 1 (the first); all 1 where they are all the same.

    >>> min_max(RankList("text", ("a", "b", "c"), (1.0, 0.5, 0.0)))
    [1.0, 0.5, 0.0]
    """
    if not ranked.scores:
        return []
    low, high = min(ranked.scores), max(ranked.scores)
    return [(score - low) / (high - low) if high > low else 1.0 for score in ranked.scores]
