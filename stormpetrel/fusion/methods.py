"""All fusions by the names that settings, requests and evaluations use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stormpetrel.core.errors import BadQuery
from stormpetrel.fusion import baselines
from stormpetrel.fusion.explained import FusedItem, fuse
from stormpetrel.fusion.rank_list import RankList
from stormpetrel.fusion.tensor import MERGES, Merge

Fusion = Callable[[Sequence[RankList], Mapping[str, float] | None], list[FusedItem]]


def _tensor(merge: Merge) -> Fusion:
    def joined(lists: Sequence[RankList], weights: Mapping[str, float] | None) -> list[FusedItem]:
        return fuse(lists, merge=merge, weights=weights)

    return joined


# These two need learned weights, and the second asks the index once more: see `stormpetrel/retrieval/posts.py`.
ADAPTIVE, ADAPTIVE_FEEDBACK = "adaptive", "adaptive_feedback"

METHODS: dict[str, Fusion] = {
    **{f"tensor_{merge}": _tensor(merge) for merge in MERGES},
    "rrf": baselines.reciprocal_rank,
    "borda": baselines.borda,
    "comb_mnz": baselines.comb_mnz,
    "weighted_scores": baselines.weighted_scores,
    "sequential": baselines.sequential,
    "graph": baselines.graph,
}
NAMES = (*METHODS, ADAPTIVE, ADAPTIVE_FEEDBACK)


def method(name: str) -> Fusion:
    """The fusion of this name. Raises BadQuery with the names that there are."""
    if name not in METHODS:
        raise BadQuery("fusion", f"there is no method {name!r}", f"Give one of {', '.join(NAMES)}")
    return METHODS[name]
