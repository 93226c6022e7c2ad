"""Query-adaptive fusion: the weight of each modality depends on what its list looks like for this query.

Every item of the union gets two signals from each modality: its score, standardised within the list, and its
reciprocal rank. Both are multiplied by the list's features: how peaked it is, and how far it agrees with the other
lists. A logistic model of these, learned from training queries, gives the item's log odds of being relevant. So a
peaked list can outweigh all others. An item that a list lacks gets the list's lowest score and no further penalty; a
modality that is missing or empty adds nothing to any item. The model is fitted by ListNet's top-one likelihood (Cao
et al., "Learning to rank: from pairwise approach to listwise approach", ICML 2007).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.fusion.rank_list import FusedItem, RankList, by_score

ADAPTIVE, ADAPTIVE_FEEDBACK = "adaptive", "adaptive_feedback"  # the names of these fusions
FEEDBACK = "feedback"  # the modality of the query moved towards its best hits (pseudo-relevance feedback)
FEEDBACK_FROM = 5  # best hits
HEAD = 20  # the first items of a list, from which its features are computed
FEATURES = 3  # 1, peakedness, agreement
SIGNALS = 2  # standardised score, reciprocal rank
RIDGE = 1e-3
STEPS = 25
Array = NDArray[np.float64]


def list_features(ranked: RankList, others: Sequence[RankList]) -> Array:
    """The features of a list, shape (3,).

    They are 1; peakedness, by how many standard deviations (divided by 5, at most 1) the first score exceeds the mean
    of the head; and agreement, the mean share of the head that the heads of the other lists hold too.
    """
    scores = np.asarray(ranked.scores)
    spread = float(scores.std()) or 1.0
    peak = float(scores[0] - scores[:HEAD].mean()) / spread / 5
    head = set(ranked.items[:HEAD])
    shares = [len(head & set(other.items[:HEAD])) / HEAD for other in others if len(other)]
    return np.array([1.0, min(peak, 1.0), sum(shares) / len(shares) if shares else 0.0])


def _signals(ranked: RankList, rows: Mapping[str, int]) -> Array:
    """Score in standard deviations above the list's lowest, and reciprocal rank, by item; shape (rows, 2)."""
    scores = np.asarray(ranked.scores)
    spread = float(scores.std()) or 1.0
    signals = np.zeros((len(rows), SIGNALS))
    list_rows = np.fromiter(map(rows.__getitem__, ranked.items), np.int64, len(ranked))
    signals[list_rows, 0] = (scores - scores[-1]) / spread / 3
    signals[list_rows, 1] = 10 / (10 + np.arange(1, len(ranked) + 1))
    return signals


def _rows(lists: Iterable[RankList]) -> dict[str, int]:
    """The union of the lists' items, sorted, each with its row."""
    return {item: row for row, item in enumerate(sorted({item for ranked in lists for item in ranked.items}))}


@dataclass(frozen=True)
class AdaptiveFusion:
    """Learned coefficients: for each modality an array of shape (SIGNALS * FEATURES,)."""

    coefficients: Mapping[str, Array]

    def __call__(self, lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
        """The fused list; each item's score is its log odds of being relevant, up to a constant of the query."""
        present = [ranked for ranked in lists if len(ranked)]
        rows = _rows(present)
        scores = np.zeros(len(rows))
        unknown = np.mean(list(self.coefficients.values()), axis=0)  # of a modality that none were learned for
        for ranked in present:
            columns = _columns(ranked, [other for other in present if other is not ranked], rows)
            weight = (weights or {}).get(ranked.modality, 1.0)
            scores += weight * (columns @ self.coefficients.get(ranked.modality, unknown))
        return by_score(lists, dict(zip(rows, scores.tolist(), strict=True)))


@dataclass(frozen=True)
class LearnedFusion:
    """The weights of the adaptive fusions: `first` for the modalities, `with_feedback` for them and the feedback list.

    `learned_from` names the test collections.
    """

    first: AdaptiveFusion
    with_feedback: AdaptiveFusion
    learned_from: tuple[str, ...] = ()

    def save(self, file: Path) -> None:
        """Writes the coefficients as JSON."""
        parts = {"first": self.first, "with_feedback": self.with_feedback}
        rounded = {
            part: {name: [round(float(value), 5) for value in values] for name, values in fusion.coefficients.items()}
            for part, fusion in parts.items()
        }
        file.write_text(json.dumps({"learned_from": list(self.learned_from), **rounded}, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> LearnedFusion:
        """Raises ModelUnavailable where the file is missing or has another form."""
        remedy = "Learn them: stormpetrel train fusion --data DIR"
        try:
            fields = json.loads(file.read_text())
            parts = [
                {str(name): np.asarray(values, dtype=float) for name, values in fields[part].items()}
                for part in ("first", "with_feedback")
            ]
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ModelUnavailable(f"no fusion weights in {file}: {error!r}. {remedy}") from error
        if any(not part or any(values.shape != (SIGNALS * FEATURES,) for values in part.values()) for part in parts):
            raise ModelUnavailable(f"{file} holds weights of another form. {remedy}")
        return cls(AdaptiveFusion(parts[0]), AdaptiveFusion(parts[1]), tuple(fields.get("learned_from", ())))


def _columns(ranked: RankList, others: Sequence[RankList], rows: Mapping[str, int]) -> Array:
    """Each signal times each feature, shape (rows, SIGNALS * FEATURES)."""
    signals, features = _signals(ranked, rows), list_features(ranked, others)
    return np.asarray((signals[:, :, None] * features[None, None, :]).reshape(len(rows), -1))


def fit_fusion(
    training_queries: Sequence[tuple[Sequence[RankList], Collection[str]]], modalities: Sequence[str]
) -> AdaptiveFusion:
    """Fits the coefficients to queries, each given as its lists and the ids of its relevant items.

    Ridge logistic regression by Newton steps. Every query has the same weight and an intercept of its own, so that the
    order within a query is what is learned.
    """
    blocks, targets = [], []
    for lists, relevant in training_queries:
        present = {ranked.modality: ranked for ranked in lists if len(ranked)}
        rows = _rows(present.values())
        target = np.array([item in relevant for item in rows], dtype=float)
        if 0 < target.sum() < len(rows):
            parts = [
                _columns(present[name], [other for other in present.values() if other.modality != name], rows)
                if name in present
                else np.zeros((len(rows), SIGNALS * FEATURES))
                for name in modalities
            ]
            blocks.append(np.hstack(parts))
            targets.append(target)
    solution = _newton(blocks, targets, len(modalities) * SIGNALS * FEATURES)
    return AdaptiveFusion(dict(zip(modalities, solution.reshape(len(modalities), -1), strict=True)))


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
        if np.abs(step).max() < 1e-6:
            break
    return coefficients
