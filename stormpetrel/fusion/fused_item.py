"""An item of a fused list: what every fusion answers with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stormpetrel.fusion.rank_list import RankList


class FusedItem(NamedTuple):
    """An item with its rank in each modality, and what explains its place in the fused list.

    Tensor fusion names the `best_pair`, the two modalities whose ranks give the item its smallest `position`; both
    are None where the item is in one list only. The fusions that score items give a `score`, higher is better.
    """

    id: str
    ranks: dict[str, int]
    best_pair: tuple[str, str] | None = None
    position: float | None = None
    score: float | None = None


def by_score(lists: Sequence[RankList], scores: Mapping[str, float]) -> list[FusedItem]:
    """The items with these scores, the highest first, ties by id, each with its ranks in `lists`."""
    ranks: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ranked in lists:
        for rank, item in enumerate(ranked.items, start=1):
            ranks[item][ranked.modality] = rank
    # Rounded: the last bits of a sum depend on the order of the lists.
    ordered = sorted(scores, key=lambda item: (-round(scores[item], 12), item))
    return [FusedItem(item, ranks[item], score=scores[item]) for item in ordered]
