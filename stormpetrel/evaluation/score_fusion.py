"""Fusion by scores, to compare with: each list's weight depends on what the list looks like for this query.

Every item of the union gets two signals from each list: its score, standardised within the list, and its reciprocal
rank. Both are multiplied by the list's features. A linear model of these, fitted by ListNet's top-one likelihood (Cao
et al., "Learning to rank: from pairwise approach to listwise approach", ICML 2007), scores the item. It leaves the
tensor out: it knows lists, and no pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.fusion import RankList
from stormpetrel.fusion.learned_tensor import list_features

FEATURES = 3  # 1, peakedness, agreement
SIGNALS = 2  # standardised score, reciprocal rank
RIDGE = 1e-3
STEPS = 15
Array = NDArray[np.float64]


def item_rows(lists: Iterable[RankList]) -> dict[str, int]:
    """The union of the lists' items, sorted, each with its row."""
    return {item: row for row, item in enumerate(sorted({item for ranked in lists for item in ranked.items}))}


def signals(ranked: RankList, rows: Mapping[str, int]) -> Array:
    """Score in standard deviations above the list's lowest, and reciprocal rank, by item; shape (rows, 2)."""
    scores = np.asarray(ranked.scores)
    spread = float(scores.std()) or 1.0
    columns = np.zeros((len(rows), SIGNALS))
    list_rows = np.fromiter(map(rows.__getitem__, ranked.items), np.int64, len(ranked))
    columns[list_rows, 0] = (scores - scores[-1]) / spread / 3
    columns[list_rows, 1] = 10 / (10 + np.arange(1, len(ranked) + 1))
    return columns


def list_columns(ranked: RankList, rows: Mapping[str, int]) -> Array:
    """The signals, and the score as it is (0 for an item that is not there); shape (rows, 3)."""
    raw = np.zeros((len(rows), 1))
    raw[np.fromiter(map(rows.__getitem__, ranked.items), np.int64, len(ranked)), 0] = ranked.scores
    return np.hstack([signals(ranked, rows), raw])


@dataclass(frozen=True)
class ScoreFusion:
    """Learned coefficients: for each modality an array of shape (SIGNALS * FEATURES,)."""

    coefficients: Mapping[str, Array]

    def __call__(self, lists: Sequence[RankList]) -> list[str]:
        """The ids, the best first."""
        present = [ranked for ranked in lists if len(ranked)]
        rows = item_rows(present)
        scores = np.zeros(len(rows))
        for ranked in present:
            if ranked.modality in self.coefficients:
                scores += _columns(ranked, present, rows) @ self.coefficients[ranked.modality]
        items = list(rows)
        return [items[row] for row in np.argsort(-scores, kind="stable")]


def _columns(ranked: RankList, lists: Sequence[RankList], rows: Mapping[str, int]) -> Array:
    """Each signal times each feature, shape (rows, SIGNALS * FEATURES)."""
    features = list_features(ranked, [other for other in lists if other is not ranked])[:FEATURES]
    return np.asarray((signals(ranked, rows)[:, :, None] * features[None, None, :]).reshape(len(rows), -1))


def fit_score_fusion(
    queries: Sequence[tuple[Sequence[RankList], Collection[str]]], names: Sequence[str]
) -> ScoreFusion:
    """Fits the coefficients to queries, each given as its lists and the ids of its relevant items: ridge regression by
    Newton steps. Every query has the same weight."""
    blocks, targets = [], []
    for lists, relevant in queries:
        present = {ranked.modality: ranked for ranked in lists if len(ranked)}
        rows = item_rows(present.values())
        target = np.array([item in relevant for item in rows], dtype=float)
        if 0 < target.sum() < len(rows):
            parts = [
                _columns(present[name], list(present.values()), rows)
                if name in present
                else np.zeros((len(rows), SIGNALS * FEATURES))
                for name in names
            ]
            blocks.append(np.hstack(parts))
            targets.append(target)
    solution = _newton(blocks, targets, len(names) * SIGNALS * FEATURES)
    return ScoreFusion(dict(zip(names, solution.reshape(len(names), -1), strict=True)))


def _newton(blocks: Sequence[Array], targets: Sequence[Array], width: int) -> Array:
    """The coefficients, shape (width,), that maximise the softmax likelihood of each query's relevant items."""
    coefficients = np.zeros(width)
    for _ in range(STEPS):
        gradient, curvature = -RIDGE * coefficients, RIDGE * np.eye(width)
        for block, target in zip(blocks, targets, strict=True):
            logits = block @ coefficients
            probabilities = np.exp(logits - logits.max())
            probabilities /= probabilities.sum()
            centre = probabilities @ block
            gradient += ((target / target.sum()) @ block - centre) / len(blocks)
            curvature += ((block * probabilities[:, None]).T @ block - np.outer(centre, centre)) / len(blocks)
        step = np.linalg.solve(curvature, gradient)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-5:
            break
    return coefficients
