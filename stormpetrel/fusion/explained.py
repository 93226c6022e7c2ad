"""A fused list whose every item says why it stands where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stormpetrel.fusion.rank_list import RankList
from stormpetrel.fusion.tensor import Merge, Position, Surfaces


class FusedItem(NamedTuple):
    """One item of the fused list: its rank in each modality, and the pair that decided where it stands.

    `position` is the item's smallest position over the pairs; both are None where it is in one list alone.
    """

    id: str
    ranks: dict[str, int]
    pair: tuple[str, str] | None = None
    position: float | None = None
    score: float | None = None


def fuse(
    lists: Sequence[RankList],
    *,
    position: Position = "sum",
    merge: Merge = "min",
    weights: Mapping[str, float] | None = None,
) -> list[FusedItem]:
    """Tensor fusion of named lists; a modality without a weight has 1. Raises BadQuery as `tensor_fuse` does."""
    share = weights or {}
    # In the order of their names: the pair that is named must not depend on the order in which lists come in.
    present = sorted(
        (ranked for ranked in lists if len(ranked) and share.get(ranked.modality, 1.0) != 0),
        key=lambda ranked: ranked.modality,
    )
    surfaces = Surfaces.of(
        [ranked.items for ranked in present], position, [share.get(ranked.modality, 1.0) for ranked in present]
    )
    names = [ranked.modality for ranked in present]
    ranks, decided, smallest = surfaces.ranks.tolist(), surfaces.decided.tolist(), surfaces.smallest.tolist()
    pairs = [(names[first], names[second]) for first, second in surfaces.pairs]
    return [
        FusedItem(
            surfaces.ids[row],
            {name: rank for name, rank in zip(names, ranks[row], strict=True) if rank},
            pairs[decided[row]] if decided[row] >= 0 else None,
            smallest[row] if decided[row] >= 0 else None,
        )
        for row in surfaces.order(merge)
    ]
