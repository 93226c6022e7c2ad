"""Fusion by a random walk on a graph of lists and items (after Ah-Pine, Csurka and Clinchant, ACM TOIS 2015, who unify
late fusion by such walks). It needs ranked lists alone; the published fusion, which needs the items' vectors too, is
`projected_graph`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stormpetrel.fusion.baselines.sums import min_max
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

RESTART = 0.15  # probability, at each step
STEPS = 30
LEAST_EDGE = 0.01  # the last item of a list is still in it


def graph(lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
    """Items by the probability that the walk ends there; edges weigh the normalised score, restarts go to the lists by
    their weights."""
    present = sorted((ranked for ranked in lists if len(ranked)), key=lambda ranked: ranked.modality)
    if not present:
        return []
    union = sorted({item for ranked in present for item in ranked.items})
    column_of = {item: column for column, item in enumerate(union)}
    edges = np.zeros((len(present), len(union)))
    for row, ranked in enumerate(present):
        edges[row, [column_of[item] for item in ranked.items]] = np.asarray(min_max(ranked)) + LEAST_EDGE
    to_items = edges / edges.sum(axis=1, keepdims=True)
    to_lists = (edges / edges.sum(axis=0, keepdims=True)).T
    start = np.array([(weights or {}).get(ranked.modality, 1.0) for ranked in present])
    start = start / start.sum() if start.sum() > 0 else np.full(len(present), 1 / len(present))
    probabilities = start
    for _ in range(STEPS):
        probabilities = RESTART * start + (1 - RESTART) * ((probabilities @ to_items) @ to_lists)
    return by_score(present, dict(zip(union, (probabilities @ to_items).tolist(), strict=True)))
