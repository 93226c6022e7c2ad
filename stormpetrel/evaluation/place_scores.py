"""Scores of found names against marked ones, and of points against linked ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

NEAR_KM = 161.0  # a hundred miles: what the literature calls right (Cheng, Caverlee, Lee 2010)
Span = tuple[int, int]


@dataclass
class SpanTally:
    """Counts of exact and of overlapping spans."""

    exact: int = 0
    found: int = 0
    marked: int = 0
    found_overlapping: int = 0
    marked_overlapping: int = 0

    def note(self, found: Sequence[Span], marked: Sequence[Span]) -> None:
        self.exact += len(set(found) & set(marked))
        self.found += len(found)
        self.marked += len(marked)
        self.found_overlapping += sum(any(_overlap(one, other) for other in marked) for one in found)
        self.marked_overlapping += sum(any(_overlap(one, other) for other in found) for one in marked)

    def exactly(self) -> dict[str, float]:
        return _scores(self.exact, self.exact, self.found, self.marked)

    def overlapping(self) -> dict[str, float]:
        return _scores(self.found_overlapping, self.marked_overlapping, self.found, self.marked)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _scores(right_found: int, right_marked: int, found: int, marked: int) -> dict[str, float]:
    precision, recall = right_found / max(1, found), right_marked / max(1, marked)
    f1 = 2 * precision * recall / max(1e-12, precision + recall)
    return {"p": round(precision, 4), "r": round(recall, 4), "f1": round(f1, 4)}


@dataclass
class PointTally:
    """Distances of what was answered, and at which rank a right place stood."""

    asked: int = 0
    kilometres: list[float] = field(default_factory=list)
    in_box: list[bool] = field(default_factory=list)
    right_at: list[int] = field(default_factory=list)  # rank from 1 of the first right place; 0: none

    def report(self) -> dict[str, float | int | None]:
        """`acc161`: of what was answered; `acc161_of_all` counts what was not answered as wrong."""
        right = sum(km <= NEAR_KM for km in self.kilometres)
        answered = len(self.kilometres)
        return {
            "mentions": self.asked,
            "answered": round(answered / max(1, self.asked), 4),
            "acc161": round(right / max(1, answered), 4),
            "acc161_of_all": round(right / max(1, self.asked), 4),
            "median_km": round(float(np.median(self.kilometres)), 1) if answered else None,
            "in_box": round(float(np.mean(self.in_box)), 4) if self.in_box else None,
            **{f"mrr{depth}": self._reciprocal_rank(depth) for depth in (1, 3, 5)},
        }

    def _reciprocal_rank(self, depth: int) -> float:
        return round(sum(1 / rank for rank in self.right_at if 0 < rank <= depth) / max(1, self.asked), 4)
