"""How good predictions are against a truth: precision, recall, F1, confusion, precision at k, average precision.

Average precision is ours: it judges a ranking as it is shown, where scikit-learn averages over ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]
PRECISION_AT = (10, 50, 100)


def binary_report(truth: ArrayLike, predicted: ArrayLike, scores: ArrayLike | None = None) -> dict[str, Any]:
    """One label against the truth (both bool, one value an item). `scores` rank the items, higher first.

    >>> binary_report([True, True, False, False], [True, False, False, False])["f1"]
    0.666667
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    is_, is_predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    sides = [False, True]
    metrics = precision_recall_fscore_support(is_, is_predicted, labels=sides, zero_division=np.nan)
    precision, recall, f1 = (values[1] for values in metrics[:3])
    counts = confusion_matrix(is_, is_predicted, labels=sides).ravel().tolist()
    names = ("true_negative", "false_positive", "false_negative", "true_positive")
    report: dict[str, Any] = {
        "items": len(is_),
        "accuracy": _rounded((is_ == is_predicted).mean()) if len(is_) else None,
        "precision": _rounded(precision),
        "recall": _rounded(recall),
        "f1": _rounded(f1),
        # A side that is neither there nor predicted is no error.
        "macro_f1": _rounded(np.nan_to_num(metrics[2], nan=1.0).mean()),
        "confusion": dict(zip(names, counts, strict=True)),
    }
    if scores is not None:
        ranked = is_[np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")]
        report["average_precision"] = average_precision(ranked)
        report["precision_at"] = {str(k): _rounded(ranked[:k].mean()) for k in PRECISION_AT if k <= len(ranked)}
    return report


def average_precision(ranked: Bools) -> float | None:
    """The mean of the precision at every relevant item of a ranking; None where there is none."""
    places = np.flatnonzero(ranked) + 1
    return round(float((np.arange(1, len(places) + 1) / places).mean()), 6) if len(places) else None


def confusion(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, Mapping[str, int]]:
    """Counts by true label, then by predicted label."""
    from sklearn.metrics import confusion_matrix

    labels = sorted({*truth, *predicted})
    rows = confusion_matrix(truth, predicted, labels=labels).tolist()
    return {label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, rows, strict=True)}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
