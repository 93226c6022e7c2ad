"""Query-adaptive fusion: how much each modality counts is decided for each query, by what its lists look like.

Every item of the union gets, from each modality, its score (standardised within the list) and its reciprocal rank,
and both again times the list's traits: how peaked it is, and how far it agrees with the other lists. A logistic
model of these, learned from judged queries, gives the item's log odds of being relevant. So the weight of a modality
is a function of the query, and a list that is sure can outweigh all others. An item that a list does not hold gets
the list's lowest score, not a punishment; a modality that is missing or silent adds nothing to any item.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.fusion.baselines import by_score
from stormpetrel.fusion.explained import FusedItem
from stormpetrel.fusion.rank_list import RankList

FEEDBACK = "feedback"  # the list of the question moved to its best answers
FEEDBACK_FROM = 5  # best answers
HEAD = 20  # the first items of a list: what its traits are read from
TRAITS = 3  # 1, peakedness, agreement
SIGNALS = 2  # standardised score, reciprocal rank
RIDGE = 1e-3
STEPS = 25
Array = NDArray[np.float64]


def traits(ranked: RankList, others: Sequence[RankList]) -> Array:
    """1; how far the first stands above the head of the list, in standard deviations of the list (over 5); the
    mean share of the head that other lists' heads hold too. Shape (3,)."""
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
    found = np.zeros((len(rows), SIGNALS))
    held = np.fromiter(map(rows.__getitem__, ranked.items), np.int64, len(ranked))
    found[held, 0] = (scores - scores[-1]) / spread / 3
    found[held, 1] = 10 / (10 + np.arange(1, len(ranked) + 1))
    return found


def _rows(lists: Iterable[RankList]) -> dict[str, int]:
    """The union of the lists' items, sorted, each with its row."""
    return {item: row for row, item in enumerate(sorted({item for ranked in lists for item in ranked.items}))}


@dataclass(frozen=True)
class AdaptiveFusion:
    """Learned coefficients: for each modality SIGNALS x TRAITS numbers."""

    coefficients: Mapping[str, Array]

    def __call__(self, lists: Sequence[RankList], weights: Mapping[str, float] | None = None) -> list[FusedItem]:
        """The fused list; each item's score is its log odds of being relevant, up to a constant of the query."""
        present = [ranked for ranked in lists if len(ranked)]
        rows = _rows(present)
        scores = np.zeros(len(rows))
        for ranked in present:
            columns = _columns(ranked, [other for other in present if other is not ranked], rows)
            share = (weights or {}).get(ranked.modality, 1.0)
            scores += share * (columns @ self._of(ranked.modality))
        return by_score(lists, dict(zip(rows, scores.tolist(), strict=True)))

    def _of(self, modality: str) -> Array:
        """The coefficients of a modality; one that was not learned counts as the mean of those that were."""
        known = self.coefficients.get(modality)
        return known if known is not None else np.mean(list(self.coefficients.values()), axis=0)


@dataclass(frozen=True)
class LearnedFusion:
    """What the adaptive fusions work with: one for the modalities alone, one for them and the feedback list."""

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
        """Raises ModelUnavailable where the file is missing or is not one of ours."""
        remedy = "Learn them: stormpetrel train fusion --data DIR"
        try:
            fields = json.loads(file.read_text())
            parts = [
                {str(name): np.asarray(values, dtype=float) for name, values in fields[part].items()}
                for part in ("first", "with_feedback")
            ]
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ModelUnavailable(f"no fusion weights in {file}: {error!r}. {remedy}") from error
        if any(not part or any(values.shape != (SIGNALS * TRAITS,) for values in part.values()) for part in parts):
            raise ModelUnavailable(f"{file} holds weights of another form. {remedy}")
        return cls(AdaptiveFusion(parts[0]), AdaptiveFusion(parts[1]), tuple(fields.get("learned_from", ())))


def _columns(ranked: RankList, others: Sequence[RankList], rows: Mapping[str, int]) -> Array:
    """Each signal times each trait, shape (rows, SIGNALS * TRAITS)."""
    signals, trait = _signals(ranked, rows), traits(ranked, others)
    return np.asarray((signals[:, :, None] * trait[None, None, :]).reshape(len(rows), -1))


def learn(judged: Sequence[tuple[Sequence[RankList], Collection[str]]], modalities: Sequence[str]) -> AdaptiveFusion:
    """Learns from queries with their lists and the ids that are relevant: ridge logistic regression by Newton
    steps, each query of the same weight, with an intercept of its own (what is learned is the order within it)."""
    blocks, answers = [], []
    for lists, relevant in judged:
        present = {ranked.modality: ranked for ranked in lists if len(ranked)}
        rows = _rows(present.values())
        truth = np.array([item in relevant for item in rows], dtype=float)
        if 0 < truth.sum() < len(rows):
            parts = [
                _columns(present[name], [other for other in present.values() if other.modality != name], rows)
                if name in present
                else np.zeros((len(rows), SIGNALS * TRAITS))
                for name in modalities
            ]
            blocks.append(np.hstack(parts))
            answers.append(truth)
    solution = _newton(blocks, answers, len(modalities) * SIGNALS * TRAITS)
    return AdaptiveFusion(dict(zip(modalities, solution.reshape(len(modalities), -1), strict=True)))


def _newton(blocks: Sequence[Array], answers: Sequence[Array], width: int) -> Array:
    """Maximises the softmax likelihood of each query's relevant items (ListNet's top-one, Cao et al. 2007)."""
    found = np.zeros(width)
    for _ in range(STEPS):
        gradient, curvature = -RIDGE * found, RIDGE * np.eye(width)
        for block, truth in zip(blocks, answers, strict=True):
            logits = block @ found
            chance = np.exp(logits - logits.max())
            chance /= chance.sum()
            centre = chance @ block
            gradient += ((truth / truth.sum()) @ block - centre) / len(blocks)
            curvature += ((block * chance[:, None]).T @ block - np.outer(centre, centre)) / len(blocks)
        step = np.linalg.solve(curvature, gradient)
        found = found + step
        if np.abs(step).max() < 1e-6:
            break
    return found
