"""What early fusion adds to the better of its halves, after the last round of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stormpetrel.evaluation.analyst import Session
from stormpetrel.evaluation.bootstrap import interval

HALVES = ("sar", "ms")
SCORES = ("accuracy", "average_precision")


def fused_against_better_half(sessions: Mapping[str, Mapping[str, Sequence[Session]]]) -> dict[str, Any]:
    """For each score the half that is better in the mean, fused less that half, and the 95 % interval of the difference
    (a bootstrap of sessions, paired by label and seed). `sessions` are those of each descriptor by label."""
    return {score: _gain(sessions, score) for score in SCORES}


def _gain(sessions: Mapping[str, Mapping[str, Sequence[Session]]], score: str) -> dict[str, Any] | None:
    last = {
        name: [getattr(session.active[-1], score) for of_label in by_label.values() for session in of_label]
        for name, by_label in sessions.items()
    }
    rows = [n for n in range(len(last["fused"])) if all(values[n] is not None for values in last.values())]
    if not rows:
        return None
    values = {name: np.array([of_name[n] for n in rows], dtype=np.float64) for name, of_name in last.items()}
    better = max(HALVES, key=lambda name: float(values[name].mean()))
    differences = values["fused"] - values[better]
    sessions_drawn = interval(lambda drawn: float(differences[drawn].mean()), [[row] for row in range(len(rows))])
    return {"better_half": better, "difference": round(float(differences.mean()), 4), "ci": sessions_drawn}
