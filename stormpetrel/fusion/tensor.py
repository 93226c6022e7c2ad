"""Tensor fusion of ranked lists (Yao et al., "Early and Late Fusion of Multiple Modalities in Sentinel Imagery
and Social Media Retrieval", Eq. 1 and steps 3 to 5), for any number of modalities.

The paper puts M lists into a binary tensor with one cell for each item, at its ranks, and merges the tensor's 2-D
surfaces. It leaves the position function and the merge open; our reading:

- ranks are 1-based, 0 means absent; each list holds an item once; empty lists are dropped; equal items of a list
  share the rank of the last of them (`RankList.ranks`);
- surface (i, k), i < k, holds the items that are in both lists; surface (i, i) is list i itself;
- a cell at ranks (a, b) of a surface has the position a + b (`sum`) or the larger of the two (`max`);
- merge `min`: items are ordered by (in no pair?, smallest position over the pairs, more lists first, sum of
  ranks, best rank, nearness in time or space where the lists know it, id);
- merge `interleave`: each surface is a ranking by position (ties as in `min`); the first of all surfaces come
  first, then the second of all, and so on; within one round the order is that of `min`;
- merge `rrf`: the places on the surfaces are summed by reciprocal rank, 1 / (60 + place);
- a modality of weight w has the ranks r / w; weight 1 throughout is the paper, weight 0 leaves a list out. A
  surface of two modalities has the mean of their weights.

The tensor itself is never built: its non-empty cells are the rows of an (items x lists) matrix of ranks, which
gives the same surfaces (a property test compares it with the dense tensor).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, count
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadQuery
from stormpetrel.fusion.baselines.rrf import RRF_K
from stormpetrel.fusion.rank_list import UNKNOWN, FusedItem, Nearness, RankList, nearness_of

Position = Literal["sum", "max"]
Merge = Literal["min", "interleave", "rrf"]
POSITIONS: tuple[Position, ...] = ("sum", "max")
MERGES: tuple[Merge, ...] = ("min", "interleave", "rrf")
Item = TypeVar("Item", bound=Hashable)


def tensor_fuse(
    lists: Iterable[Sequence[Item]],
    *,
    position: Position = "sum",
    merge: Merge = "min",
    weights: Sequence[float] | None = None,
) -> list[Item]:
    """The fused list: the union of the lists (best first), each item once.

    Raises BadQuery for an unknown position or merge, and for weights that are not one finite number of 0 or more
    a list.

    >>> "".join(tensor_fuse(["abcde", "bafgc", "hbiaj", "kblma"]))
    'bachkfildgmej'
    >>> "".join(tensor_fuse(["abcde", "bafgc", "hbiaj", "kblma"], merge="interleave"))
    'bahkcfildgmej'
    """
    surfaces = Surfaces.of(list(lists), position, weights)
    return [surfaces.ids[row] for row in surfaces.order(merge)]


def fuse_explained(
    lists: Sequence[RankList], weights: Mapping[str, float] | None = None, *, merge: Merge = "min"
) -> list[FusedItem]:
    """Tensor fusion of rank lists, each item with the pair of modalities that decided its place.

    A modality without a weight has 1. Raises BadQuery as `tensor_fuse` does.
    """
    present, surfaces = surfaces_of(lists, weights)
    names = [ranked.modality for ranked in present]
    ranks, best_pairs, smallest = surfaces.ranks.tolist(), surfaces.best_pair.tolist(), surfaces.smallest.tolist()
    pairs = [(names[first], names[second]) for first, second in surfaces.pairs]
    return [
        FusedItem(
            surfaces.ids[row],
            {name: rank for name, rank in zip(names, ranks[row], strict=True) if rank},
            pairs[best_pairs[row]] if best_pairs[row] >= 0 else None,
            smallest[row] if best_pairs[row] >= 0 else None,
        )
        for row in surfaces.order(merge)
    ]


def plain_order(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[str]:
    """The ids in the order of `fuse_explained` with merge `min`, without what explains it. Raises as that does."""
    _, surfaces = surfaces_of(lists, weights)
    return [surfaces.ids[row] for row in surfaces.order("min")]


def surfaces_of(
    lists: Sequence[RankList], weights: Mapping[str, float] | None = None
) -> tuple[list[RankList], Surfaces]:
    """The lists that have items and a weight, in the order of their names, and the surfaces of their tensor."""
    weight_of = weights or {}
    # In the order of their names: what decided must not depend on the order in which lists come in.
    present = sorted(
        (ranked for ranked in lists if len(ranked) and weight_of.get(ranked.modality, 1.0) != 0),
        key=lambda ranked: ranked.modality,
    )
    surfaces = Surfaces.of(
        [ranked.items for ranked in present],
        "sum",
        [weight_of.get(ranked.modality, 1.0) for ranked in present],
        [tuple(ranked.ranks.values()) for ranked in present],
        nearness_of(present),
    )
    return present, surfaces


def _weight_array(weights: Sequence[float] | None, count: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(count)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (count,) or not np.isfinite(array).all() or (array < 0).any():
        raise BadQuery("weights", f"{list(weights)} does not fit {count} lists", "Give one number >= 0 a list")
    return array


@dataclass(frozen=True)
class Surfaces:
    """The non-empty cells of the tensor.

    `ids` are in no order; `ranks` has the shape (items, lists), 0 is absent; `weighted` are the ranks divided by the
    lists' `weights`, infinite where absent. `pairs` are the surfaces (i, k), i < k, and `positions` each item's
    position on each of them. `smallest` is an item's smallest position over the pairs (infinite where it is in none),
    `best_pair` the pair that has it (-1: none).
    """

    ids: list[Any]
    nearness: Mapping[Any, Nearness]
    ranks: NDArray[np.int64]
    weighted: NDArray[np.float64]
    weights: NDArray[np.float64]
    pairs: list[tuple[int, int]]
    positions: list[NDArray[np.float64]]
    smallest: NDArray[np.float64]
    best_pair: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        lists: Sequence[Sequence[Hashable]],
        position: Position,
        weights: Sequence[float] | None,
        ranks_of: Sequence[Sequence[int]] | None = None,
        nearness: Mapping[Any, Nearness] | None = None,
    ) -> Surfaces:
        """`ranks_of` are the ranks of each list's items, 1, 2, 3, ... where none are given; an item that a list holds
        twice counts at its first rank. Raises BadQuery as `tensor_fuse` does."""
        if position not in POSITIONS:
            raise BadQuery("position", f"there is no {position!r}", f"Give one of {', '.join(POSITIONS)}")
        all_weights = _weight_array(weights, len(lists))
        kept = [index for index, ranked in enumerate(lists) if len(ranked) and all_weights[index] > 0]
        row_of: defaultdict[Any, int] = defaultdict(count().__next__)  # each new item gets the next row
        columns = [np.fromiter(map(row_of.__getitem__, dict.fromkeys(lists[n])), np.int64) for n in kept]
        ids = list(row_of)
        ranks = np.zeros((len(kept), len(ids)), dtype=np.int64)
        for column, rows in enumerate(columns):
            ranks[column, rows] = ranks_of[kept[column]] if ranks_of else np.arange(1, len(rows) + 1)
        list_weights = all_weights[kept]
        weighted = np.where(ranks > 0, ranks / list_weights[:, None], np.inf)
        pairs = list(combinations(range(len(kept)), 2))
        combine = np.add if position == "sum" else np.maximum
        positions = [combine(weighted[i], weighted[k]) for i, k in pairs]
        smallest, best_pair = np.full(len(ids), np.inf), np.full(len(ids), -1)
        for number, position_on_pair in enumerate(positions):
            closer = position_on_pair < smallest
            smallest[closer], best_pair[closer] = position_on_pair[closer], number
        return cls(ids, nearness or {}, ranks.T, weighted.T, list_weights, pairs, positions, smallest, best_pair)

    def order(self, merge: Merge) -> list[int]:
        """The rows in fused order. Raises BadQuery for an unknown merge."""
        if merge not in MERGES:
            raise BadQuery("merge", f"there is no {merge!r}", f"Give one of {', '.join(MERGES)}")
        if not self.ids or merge == "min":
            return self._by_smallest
        key = self._first_round() if merge == "interleave" else -self.sums(self.reciprocal_ranks())
        return np.lexsort((self.place, key)).tolist()  # type: ignore[no-any-return]

    @cached_property
    def columns(self) -> list[tuple[int, ...]]:
        """The lists of each surface: two of each pair, then each list alone."""
        return [*self.pairs, *((column,) for column in range(len(self.weights)))]

    @cached_property
    def rankings(self) -> list[NDArray[np.int64]]:
        """Each surface as a ranking of rows: the pairs by position, the lists themselves by rank."""
        place, rankings = self.place, []
        for position in self.positions:
            rows = np.flatnonzero(np.isfinite(position))
            rankings.append(rows[np.lexsort((place[rows], position[rows]))])
        for ranks in self.ranks.T:
            rows = np.flatnonzero(ranks)
            rankings.append(rows[np.lexsort((place[rows], ranks[rows]))])
        return rankings

    def reciprocal_ranks(self, k: float = RRF_K, factors: Sequence[float] | None = None) -> NDArray[np.float64]:
        """What each surface adds to each item: weight / (k + place), 0 where the item is not on it; shape (surfaces,
        items). A surface's weight is the mean of its lists' times its factor (1 where none is given)."""
        added = np.zeros((len(self.rankings), len(self.ids)))
        for number, (rows, columns) in enumerate(zip(self.rankings, self.columns, strict=True)):
            weight = float(self.weights[list(columns)].mean()) * (1.0 if factors is None else factors[number])
            added[number, rows] = weight / (k + np.arange(1, len(rows) + 1))
        return added

    @staticmethod
    def sums(added: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the surfaces, shape (items,)."""
        # Each item's parts from the smallest up, so that the order of the lists cannot show in the last bit.
        return np.asarray(np.round(np.sort(added, axis=0).sum(axis=0), 12))

    @cached_property
    def _by_smallest(self) -> list[int]:
        if not self.ids:
            return []
        present = self.ranks > 0
        finite = np.where(present, self.weighted, 0.0)
        if (self.weights != 1).any():
            finite = np.sort(finite, axis=1)  # fractions: summed in one order, whatever the order of the lists
        keys = (self.weighted.min(axis=1), finite.sum(axis=1), -present.sum(axis=1), self.smallest)
        order = np.lexsort(keys)
        same = np.all([key[order[1:]] == key[order[:-1]] for key in keys], axis=0)
        return _ordered_ties(order, same, self.ids, self.nearness)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Each item's place in the order of merge `min`, from 0 on: what orders ties."""
        place = np.empty(len(self.ids), dtype=np.int64)
        place[self._by_smallest] = np.arange(len(self.ids))
        return place

    def _first_round(self) -> NDArray[np.float64]:
        rounds = np.full(len(self.ids), np.inf)
        for rows, columns in zip(self.rankings, self.columns, strict=True):
            weight = float(self.weights[list(columns)].mean())
            rounds[rows] = np.minimum(rounds[rows], np.arange(1, len(rows) + 1) / weight)
        return rounds


def _ordered_ties(
    order: NDArray[np.int64], same: NDArray[np.bool_], ids: Sequence[Any], nearness: Mapping[Any, Nearness]
) -> list[int]:
    """`order` with each run of equal keys sorted by nearness, then by id; `same[n]` is true where n and n + 1 have
    equal keys."""
    rows: list[int] = order.tolist()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        tied = rows[start : end + 1]
        try:
            tied.sort(key=ids.__getitem__)
        except TypeError:  # ids of several types: by the type's name, then by how they are written
            tied.sort(key=lambda row: (type(ids[row]).__name__, repr(ids[row])))
        if nearness:
            tied.sort(key=lambda row: nearness.get(ids[row], UNKNOWN))
        rows[start : end + 1] = tied
    return rows
