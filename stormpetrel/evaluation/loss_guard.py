"""How much more the best single list must count, so that hardly any query loses by being fused.

The fit weighs gains against losses; it sets no bound on how many queries lose. The bound is set here, on events that
the fit has not seen: the best list is leaned on more and more, until the share of queries that lose is small enough.
The share is counted as conformal risk control does (Angelopoulos et al., ICLR 2024): one more loss among one more
query, so that it holds for the next query too. Their guarantee asks for queries that are alike; queries of one event
are more alike than those of two, so that it is a rule here and no proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from stormpetrel.evaluation.judged_queries import JudgedQuery
from stormpetrel.evaluation.measures import average_precision
from stormpetrel.evaluation.retrieval import LOST_FROM, MAP_DEPTH
from stormpetrel.fusion import LearnedTensor
from stormpetrel.fusion.tensor_fitting import SINGLE

LEANS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # logarithms of how many times as much the best list counts
MOST_LOST = 0.02  # of the queries of a kind


class HeldOut(NamedTuple):
    """A query, and a fusion that has not seen its events."""

    query: JudgedQuery
    fusion: LearnedTensor


def choose_lean(held_out: Sequence[HeldOut]) -> float:
    """The smallest of `LEANS` with which few enough queries of each kind lose; the largest where none is enough.

    Few enough are as many as leave the share at `MOST_LOST` when one more query comes and loses; none, where the
    queries are too few to show that.
    """
    asked = Counter(query.kind for query, _ in held_out)
    allowed = {kind: max(0.0, MOST_LOST * (count + 1) - 1) for kind, count in asked.items()}

    def is_enough(lean: float) -> bool:
        lost = lost_queries(held_out, lean)
        return all(lost[kind] <= most for kind, most in allowed.items())

    return next(filter(is_enough, LEANS), LEANS[-1])


def lost_queries(held_out: Sequence[HeldOut], lean: float) -> Counter[str]:
    """By kind, how many queries lose more than .05 of average precision to the best single list."""
    lost = Counter[str]()
    for query, fusion in held_out:
        single = next((ranked.items for ranked in query.lists if ranked.modality == SINGLE), ())
        fused = [item.id for item in fusion.leaning(SINGLE, lean)(query.lists)]
        lost[query.kind] += _precision(fused, query) < _precision(single, query) - LOST_FROM
    return lost


def _precision(ids: Sequence[str], query: JudgedQuery) -> float:
    return average_precision([item in query.relevant for item in ids[:MAP_DEPTH]], len(query.relevant), MAP_DEPTH)
