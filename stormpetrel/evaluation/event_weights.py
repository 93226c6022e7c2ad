"""Linear fusion with weights of the event, a baseline that the paper compares with, as published and held out.

As published, each event has weights of its own, those with the best mean average precision on the event's own labelled
queries. So it sees the labels that judge it, and its figure is what no system can have while an event is new. Held out,
an event's weights are those that are best on the queries of all other events.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.labelled_query import LabelledQuery
from stormpetrel.fusion import RankList
from stormpetrel.fusion.baselines.sums import min_max

STEPS = 10  # weights are multiples of .1 that sum to 1
DEPTH = 100
Array = NDArray[np.float64]
Weights = dict[str, float]


def weight_grid(lists: int) -> Array:
    """All weights of so many lists that are multiples of .1 and sum to 1, shape (choices, lists)."""
    choices = [each for each in itertools.product(range(STEPS + 1), repeat=lists) if sum(each) == STEPS]
    return np.array(choices, dtype=float) / STEPS


def precision_table(lists: Mapping[str, RankList], relevant: frozenset[str], names: Sequence[str]) -> Array:
    """The average precision of a query under each choice of weights, shape (choices,)."""
    grid = weight_grid(len(names))
    items = sorted({item for ranked in lists.values() for item in ranked.items})
    row_of = {item: row for row, item in enumerate(items)}
    scores = np.zeros((len(items), len(names)))
    for column, name in enumerate(names):
        if name in lists:
            scores[[row_of[item] for item in lists[name].items], column] = min_max(lists[name])
    order = np.argsort(-np.round(scores @ grid.T, 12), axis=0, kind="stable")[:DEPTH]
    hits = np.array([item in relevant for item in items], dtype=float)[order]
    precisions = hits.cumsum(axis=0) / np.arange(1, len(hits) + 1)[:, None]
    return np.asarray((precisions * hits).sum(axis=0) / max(1, min(len(relevant), DEPTH)))


def event_weights(queries: Sequence[LabelledQuery]) -> tuple[dict[str, Weights], dict[str, Weights]]:
    """Event -> weights, as published (from its own queries) and held out (from those of all other events; equal
    weights where there is no other event)."""
    names = sorted({ranked.modality for query in queries for ranked in query.lists})
    grid = weight_grid(len(names))
    sums: defaultdict[str, Array] = defaultdict(lambda: np.zeros(len(grid)))
    for query in queries:
        lists = {ranked.modality: ranked for ranked in query.lists if len(ranked)}
        if lists:
            sums[query.event] += precision_table(lists, query.relevant, names)
    total = np.sum(list(sums.values()), axis=0)

    def best(summed: Array) -> Weights:
        weights = grid[int(np.argmax(summed))] if summed.any() else np.full(len(names), 1 / len(names))
        return dict(zip(names, weights.tolist(), strict=True))

    return {event: best(sums[event]) for event in sums}, {event: best(total - sums[event]) for event in sums}
