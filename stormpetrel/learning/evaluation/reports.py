"""How well a labelling does against the truth: precision, recall, F1, confusion, precision at k, average precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]
AT = (10, 50, 100)


def binary_report(truth: ArrayLike, said: ArrayLike, scores: ArrayLike | None = None) -> dict[str, Any]:
    """One label against the truth (both bool, one value an item). `scores` rank the items, higher first.

    >>> binary_report([True, True, False, False], [True, False, False, False])["f1"]
    0.666667
    """
    is_, told = np.asarray(truth, dtype=bool), np.asarray(said, dtype=bool)
    hits, wrong = int((is_ & told).sum()), int((~is_ & told).sum())
    missed, right = int((is_ & ~told).sum()), int((~is_ & ~told).sum())
    found: dict[str, Any] = {
        "items": len(is_),
        "accuracy": _share(hits + right, len(is_)),
        "precision": _share(hits, hits + wrong),
        "recall": _share(hits, hits + missed),
        "f1": _share(2 * hits, 2 * hits + wrong + missed),
        "macro_f1": round((_f1(hits, wrong, missed) + _f1(right, missed, wrong)) / 2, 6),
        "confusion": {"true_positive": hits, "false_positive": wrong, "false_negative": missed, "true_negative": right},
    }
    if scores is not None:
        order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
        ranked = is_[order]
        found["average_precision"] = average_precision(ranked)
        found["precision_at"] = {str(k): _share(int(ranked[:k].sum()), k) for k in AT if k <= len(ranked)}
    return found


def average_precision(ranked: Bools) -> float | None:
    """The mean of the precision at every relevant item of a ranking; None where there is none."""
    places = np.flatnonzero(ranked) + 1
    return round(float((np.arange(1, len(places) + 1) / places).mean()), 6) if len(places) else None


def confusion(truth: Sequence[str], said: Sequence[str]) -> dict[str, Mapping[str, int]]:
    """Counts by true label, then by the label that was said."""
    labels = sorted({*truth, *said})
    found = {label: dict.fromkeys(labels, 0) for label in labels}
    for true, told in zip(truth, said, strict=True):
        found[true][told] += 1
    return dict(found)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _f1(hits: int, wrong: int, missed: int) -> float:
    return 2 * hits / (2 * hits + wrong + missed) if hits + wrong + missed else 1.0
