"""Measures of a ranked list against relevance judgements, and the paired test between two methods.

P@k, average precision (normalised by the smaller of relevant items and depth) and nDCG@k with binary gains (Manning,
Raghavan, Schuetze 2008); the sign-flip randomisation test (Smucker, Allan, Carterette 2007). scikit-learn's measures
take a score for every item and have no depth; ranx's take 23 s to compile, and the tests compare with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FLIPS = 10_000


def precision_at(k: int, hits: Sequence[bool]) -> float:
    """The share of the first k that is relevant; a shorter list counts as filled up with wrong ones."""
    return sum(hits[:k]) / k


def average_precision(hits: Sequence[bool], relevant: int, depth: int) -> float:
    """Average precision within `depth`; 0 where nothing is relevant.

    >>> average_precision([True, False, True], relevant=2, depth=100)
    0.8333333333333333
    """
    relevant_seen, total = 0, 0.0
    for rank, hit in enumerate(hits[:depth], start=1):
        if hit:
            relevant_seen += 1
            total += relevant_seen / rank
    return total / min(relevant, depth) if relevant else 0.0


def ndcg_at(k: int, hits: Sequence[bool], relevant: int) -> float:
    """Normalised discounted cumulative gain of the first k, gains 0 or 1, discount log2(rank + 1)."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gains = np.zeros(k)
    gains[: len(hits[:k])] = hits[:k]
    ideal = discounts[: min(relevant, k)].sum()
    return float((gains * discounts).sum() / ideal) if ideal else 0.0


def paired_p(first: Sequence[float], second: Sequence[float], seed: int = 1) -> float:
    """Two-sided p that the mean difference of two methods over the same queries is chance (randomisation test)."""
    difference: NDArray[np.float64] = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not difference.any():
        return 1.0
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(FLIPS, len(difference)))
    as_large = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12
    return float((as_large.sum() + 1) / (FLIPS + 1))


def rounded_means(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over runs that have the same ones; empty without runs.

    >>> rounded_means([{"f1": 0.5}, {"f1": 1.0}])
    {'f1': 0.75}
    """
    return {key: round(float(np.mean([run[key] for run in runs])), 4) for key in (runs[0] if runs else ())}
