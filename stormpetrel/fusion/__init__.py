"""Late fusion: ranked lists of any number of modalities become one.

`tensor_fuse` fuses bare lists of ids. `fuse` fuses rank lists by any method, and explains each item's place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from stormpetrel.core.errors import BadQuery
from stormpetrel.fusion.baselines import borda, comb_mnz, graph, rrf, sequential, weighted_scores
from stormpetrel.fusion.learned_tensor import LEARNED_TENSOR, LearnedTensor, RankingWeights
from stormpetrel.fusion.rank_list import FusedItem, RankList
from stormpetrel.fusion.tensor import MERGES, POSITIONS, fuse_explained, plain_order, tensor_fuse

Fusion = Callable[[Sequence[RankList], Mapping[str, float] | None], list[FusedItem]]
METHODS: dict[str, Fusion] = {
    **{f"tensor_{merge}": partial(fuse_explained, merge=merge) for merge in MERGES},
    "rrf": rrf,
    "borda": borda,
    "comb_mnz": comb_mnz,
    "weighted_scores": weighted_scores,
    "sequential": sequential,
    "graph": graph,
}
# The learned tensor needs its weights, and a second query: see `LearnedTensor`.
METHOD_NAMES = (LEARNED_TENSOR, *METHODS)


def fuse(
    lists: Sequence[RankList], method: str = "tensor_min", weights: Mapping[str, float] | None = None
) -> list[FusedItem]:
    """The union of the lists, the best first, each item with its ranks; a modality without a weight has 1.

    Raises BadQuery where there is no such method; its text names those that there are.
    """
    if method not in METHODS:
        raise BadQuery("fusion", f"there is no method {method!r}", f"Give one of {', '.join(METHOD_NAMES)}")
    return METHODS[method](lists, weights)


__all__ = [
    "LEARNED_TENSOR",
    "MERGES",
    "METHODS",
    "METHOD_NAMES",
    "POSITIONS",
    "FusedItem",
    "LearnedTensor",
    "RankList",
    "RankingWeights",
    "fuse",
    "plain_order",
    "tensor_fuse",
]
