"""A fused list whose every item says why it stands where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stormpetrel.fusion.ranks import RankList
from stormpetrel.fusion.tensor import Merge, Position, Surfaces


@dataclass(frozen=True)
class FusedItem:
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
    return [_item(surfaces, names, row) for row in surfaces.order(merge)]


def _item(surfaces: Surfaces, names: Sequence[str], row: int) -> FusedItem:
    held = {name: rank for name, rank in zip(names, surfaces.ranks[row].tolist(), strict=True) if rank}
    decided = int(surfaces.decided[row])
    if decided < 0:
        return FusedItem(surfaces.ids[row], held)
    first, second = surfaces.pairs[decided]
    return FusedItem(surfaces.ids[row], held, (names[first], names[second]), float(surfaces.smallest[row]))
