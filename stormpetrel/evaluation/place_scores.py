"""Scores of recognised names against labelled ones, and of points against linked ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NEAR_KM = 161.0  # a hundred miles: what the literature counts as right (Cheng, Caverlee, Lee 2010)
CALIBRATION_BINS = 10
Span = tuple[int, int]


class SpanTally(Counter[str]):
    """Counts of predicted and labelled spans: all, those that agree exactly, and those that overlap."""

    def add(self, predicted: Sequence[Span], labelled: Sequence[Span]) -> None:
        """Counts the spans of a post."""
        self["exact"] += len(set(predicted) & set(labelled))
        self["predicted"] += len(predicted)
        self["labelled"] += len(labelled)
        self["predicted_overlapping"] += sum(any(_overlap(span, other) for other in labelled) for span in predicted)
        self["labelled_overlapping"] += sum(any(_overlap(span, other) for other in predicted) for span in labelled)

    def exact_scores(self) -> dict[str, float]:
        return self._scores("exact", "exact")

    def overlap_scores(self) -> dict[str, float]:
        return self._scores("predicted_overlapping", "labelled_overlapping")

    def _scores(self, right_predicted: str, right_labelled: str) -> dict[str, float]:
        precision = self[right_predicted] / max(1, self["predicted"])
        recall = self[right_labelled] / max(1, self["labelled"])
        f1 = 2 * precision * recall / max(1e-12, precision + recall)
        return {"p": round(precision, 4), "r": round(recall, 4), "f1": round(f1, 4)}


def _overlap(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


@dataclass
class PointTally:
    """The points that were given: how far they are, whether they are right and how sure that was said to be; and the
    rank of the first right place of each mention."""

    mentions: int = 0
    kilometres: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    in_box: list[bool] = field(default_factory=list)
    right_ranks: list[int] = field(default_factory=list)  # rank from 1 of the first right place; 0: none

    def report(self) -> dict[str, Any]:
        """`acc161`: of the mentions that got a point; `acc161_of_all` counts the others as wrong. `right` counts a
        point in the marked box too."""
        right = sum(km <= NEAR_KM for km in self.kilometres)
        answered = len(self.kilometres)
        return {
            "mentions": self.mentions,
            "answered": round(answered / max(1, self.mentions), 4),
            "right": {name: share for name, share in self.shares_right().items() if name != "answered"},
            "ece": self.calibration_error(),
            "acc161": round(right / max(1, answered), 4),
            "acc161_of_all": round(right / max(1, self.mentions), 4),
            "median_km": round(float(np.median(self.kilometres)), 1) if answered else None,
            "in_box": round(float(np.mean(self.in_box)), 4) if self.in_box else None,
            **{f"mrr{depth}": self._reciprocal_rank(depth) for depth in (1, 3, 5)},
        }

    def shares_right(self) -> dict[str, float]:
        """The share of the mentions that got a point, and the shares of right points, of those and of all."""
        answered, right = len(self.right), sum(self.right)
        return {
            "answered": round(answered / max(1, self.mentions), 4),
            "of_answered": round(right / max(1, answered), 4),
            "of_all": round(right / max(1, self.mentions), 4),
        }

    def calibration_error(self) -> float | None:
        """The expected calibration error of the answers (Naeini, Cooper, Hauskrecht 2015): how far confidence and share
        of right points are apart, the mean over ten bins of confidence by their answers."""
        if not self.right:
            return None
        confidences, right = np.array(self.confidences), np.array(self.right)
        bins = np.minimum((confidences * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        gaps = [abs((confidences - right)[bins == each].sum()) for each in range(CALIBRATION_BINS)]
        return round(float(sum(gaps) / len(right)), 4)

    def _reciprocal_rank(self, depth: int) -> float:
        return round(sum(1 / rank for rank in self.right_ranks if 0 < rank <= depth) / max(1, self.mentions), 4)
