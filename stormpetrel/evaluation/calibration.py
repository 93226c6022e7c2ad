"""How far probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.bootstrap import interval

BINS = 10
DRAWS = 1000  # of outcomes as the probabilities say them
Array = NDArray[np.float64]


def reliability(probabilities: Array, truth: NDArray[np.bool_]) -> list[dict[str, float]]:
    """The reliability curve: of each tenth of the scale that holds any probability, their mean, the share that is true,
    and how many there are."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        {
            "probability": float(probabilities[bins == number].mean()),
            "share": float(truth[bins == number].mean()),
            "count": int((bins == number).sum()),
        }
        for number in range(BINS)
        if (bins == number).any()
    ]


def calibration(probabilities: Array, truth: NDArray[np.bool_]) -> dict[str, float]:
    """Expected calibration error over ten equal bins (Naeini et al., AAAI 2015), the Brier score, and the Brier score
    of the base rate.

    >>> calibration(np.array([0.9, 0.1]), np.array([True, False]))
    {'ece': 0.1, 'brier': 0.01, 'brier_base_rate': 0.25}
    """
    curve = reliability(probabilities, truth)
    error = sum(each["count"] * abs(each["probability"] - each["share"]) for each in curve) / max(1, len(truth))
    figures = {
        "ece": error,
        "brier": float(np.mean((probabilities - truth) ** 2)),
        "brier_base_rate": float(truth.mean() * (1 - truth.mean())),
    }
    return {name: round(figure, 4) for name, figure in figures.items()}


def calibration_interval(probabilities: Array, truth: NDArray[np.bool_], groups: Sequence[str]) -> tuple[float, float]:
    """The 95% interval of the expected calibration error, by a bootstrap of whole groups."""
    members = [[row for row, group in enumerate(groups) if group == name] for name in sorted(set(groups))]
    return interval(lambda drawn: calibration(probabilities[drawn], truth[drawn])["ece"], members)


def error_by_chance(probabilities: Array) -> float:
    """The expected calibration error that these probabilities have on average where each is right: how much of an
    error so few examples show by chance."""
    random = np.random.default_rng(0)
    outcomes = random.random((DRAWS, len(probabilities))) < probabilities
    return round(float(np.mean([calibration(probabilities, outcome)["ece"] for outcome in outcomes])), 4)
