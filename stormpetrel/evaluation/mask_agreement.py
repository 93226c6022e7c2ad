"""How far a mask agrees with the truth, and how far probabilities keep what they say."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormpetrel.imagery.types import Float32, Mask

BINS = 10


def agreement(detected: Mask, truth: Mask, valid: Mask) -> dict[str, float]:
    """Intersection over union, precision and recall where truth and image are `valid`."""
    hits, positive, true = (detected & truth & valid).sum(), (detected & valid).sum(), (truth & valid).sum()
    return {
        "iou": round(float(hits / max(1, positive + true - hits)), 4),
        "precision": round(float(hits / max(1, positive)), 4),
        "recall": round(float(hits / max(1, true)), 4),
    }


def brier(probability: Float32, truth: Mask, valid: Mask) -> float | None:
    """The mean squared difference of probability and truth (Brier 1950) over the valid pixels; None without any."""
    return round(float(np.mean((probability[valid] - truth[valid]) ** 2)), 4) if valid.any() else None


def reliability(probability: Float32, truth: Mask) -> list[dict[str, Any]]:
    """For each tenth of probability that has pixels: where it starts, the mean probability in it (`said`), the share
    that is `water`, and the pixels. Both arrays are (n,)."""
    tenths = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    rows = []
    for tenth in range(BINS):
        inside = tenths == tenth
        if inside.any():
            means = {"said": probability[inside].mean(), "water": truth[inside].mean()}
            rounded = {name: round(float(mean), 3) for name, mean in means.items()}
            rows.append({"from": round(tenth / BINS, 1), **rounded, "pixels": int(inside.sum())})
    return rows
