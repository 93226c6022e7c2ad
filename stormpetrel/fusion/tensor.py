"""Tensor fusion of ranked lists (Yao et al., "Early and Late Fusion of Multiple Modalities in Sentinel Imagery
and Social Media Retrieval", Eq. 1 and steps 3 to 5), for any number of modalities.

The paper joins M lists in a binary tensor with one cell for each item, at its ranks, and merges the tensor's 2-D
surfaces. It leaves the position function and the merge open; our reading:

- ranks are 1-based, 0 means absent; each list holds an item once; empty lists are dropped;
- surface (i, k), i < k, holds the items that are in both lists; surface (i, i) is list i itself;
- a cell at ranks (a, b) of a surface has the position a + b;
- merge `min`: items are ordered by (in no pair?, smallest position over the pairs, more lists first, sum of
  ranks, best rank, id).

The tensor itself is never built: its non-empty cells are the rows of an (items x lists) matrix of ranks, which
gives the same surfaces (a property test holds it against the dense tensor).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stormpetrel.fusion.ranks import RankList

NO_PAIR = np.iinfo(np.int64).max


@dataclass(frozen=True)
class FusedItem:
    """One item of the fused list: its rank in each modality, and the pair that decided where it stands."""

    id: str
    ranks: dict[str, int]
    pair: tuple[str, str] | None
    position: int | None


def rank_matrix(lists: Sequence[RankList]) -> tuple[list[str], NDArray[np.int64]]:
    """(ids in order, ranks of shape (items, lists)): the non-empty cells of the tensor; 0 is absent."""
    ids = sorted({item for ranked in lists for item in ranked.items})
    row = {item: index for index, item in enumerate(ids)}
    ranks = np.zeros((len(ids), len(lists)), dtype=np.int64)
    for column, ranked in enumerate(lists):
        rows = [row[item] for item in ranked.items]
        ranks[rows, column] = np.arange(1, len(rows) + 1)
    return ids, ranks


def fuse(lists: Sequence[RankList]) -> list[FusedItem]:
    """The union of the lists, each item once, in the order of merge `min`.

    >>> lists = [RankList(name, tuple(text), (0.0,) * 5)
    ...          for name, text in zip("ABCD", ["abcde", "bafgc", "hbiaj", "kblma"])]
    >>> "".join(item.id for item in fuse(lists))
    'bachkfildgmej'
    """
    # In the order of their names: the answer must not depend on the order in which lists come in.
    present = sorted((ranked for ranked in lists if len(ranked)), key=lambda ranked: ranked.modality)
    if not present:
        return []
    ids, ranks = rank_matrix(present)
    smallest = np.full(len(ids), NO_PAIR)
    decided = np.full(len(ids), -1)
    pairs = list(combinations(range(len(present)), 2))
    for number, (i, k) in enumerate(pairs):
        both = (ranks[:, i] > 0) & (ranks[:, k] > 0)
        position = np.where(both, ranks[:, i] + ranks[:, k], NO_PAIR)
        closer = position < smallest
        smallest[closer], decided[closer] = position[closer], number
    held = ranks > 0
    best = np.where(held, ranks, NO_PAIR).min(axis=1)
    # lexsort takes its first key last; rows stand in the order of ids, and the sort is stable.
    order = np.lexsort((best, ranks.sum(axis=1), -held.sum(axis=1), smallest))
    return [_item(ids, ranks, present, pairs, int(row), int(decided[row]), int(smallest[row])) for row in order]


def _item(
    ids: list[str],
    ranks: NDArray[np.int64],
    lists: Sequence[RankList],
    pairs: list[tuple[int, int]],
    row: int,
    pair: int,
    position: int,
) -> FusedItem:
    held = {ranked.modality: int(rank) for ranked, rank in zip(lists, ranks[row], strict=True) if rank}
    if pair < 0:
        return FusedItem(ids[row], held, None, None)
    first, second = pairs[pair]
    return FusedItem(ids[row], held, (lists[first].modality, lists[second].modality), position)
