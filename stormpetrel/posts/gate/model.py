"""What the gate has learned: how surely a post is about a crisis, by its words alone and by its meaning too.

Two logistic regressions, each with the score from which on a post is let through. The second one has a text vector
beside the facts of the words, and holds for the text model that it was learned with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.settings import CONFIG_DIRECTORY

GATE_FILE = CONFIG_DIRECTORY / "gate.json"
REMEDY = "Learn it: stormpetrel train gate --data DIR"
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearGate:
    """`weights` of shape (features,); what scores less than `threshold` (log-odds) is dropped."""

    weights: Array
    intercept: float
    threshold: float

    def scores(self, rows: NDArray[np.floating[Any]]) -> Array:
        """Log-odds that posts are about a crisis, shape (posts,) of rows of shape (posts, features)."""
        return np.asarray(rows @ self.weights + self.intercept, dtype=np.float64)

    def fields(self) -> dict[str, Any]:
        weights = np.round(self.weights, 4).tolist()
        return {"weights": weights, "intercept": round(self.intercept, 4), "threshold": round(self.threshold, 4)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], features: int) -> LinearGate:
        """Raises ValueError where the weights are not those of so many features."""
        weights = np.array(fields["weights"], dtype=np.float64)
        if weights.shape != (features,):
            raise ValueError(f"weights of shape {weights.shape} are not those of {features} features")
        return cls(weights, float(fields["intercept"]), float(fields["threshold"]))


@dataclass(frozen=True)
class GateModel:
    """`words` weighs the facts of `fact_names`, `meaning` the text vector and then the facts."""

    text_model: str
    dimensions: int
    fact_names: tuple[str, ...]
    words: LinearGate
    meaning: LinearGate
    learned_from: tuple[str, ...] = ()

    def save(self, file: Path) -> None:
        fields = {
            "text_model": self.text_model,
            "dimensions": self.dimensions,
            "facts": self.fact_names,
            "words": self.words.fields(),
            "meaning": self.meaning.fields(),
            "learned_from": self.learned_from,
        }
        file.write_text(json.dumps(fields, separators=(",", ":")) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path, fact_names: Sequence[str]) -> GateModel:
        """Raises ModelUnavailable where the file is missing, is not one that `save` wrote, or weighs other facts."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            if tuple(fields["facts"]) != tuple(fact_names):
                raise ValueError("it weighs other groups of words than the word list has")
            dimensions = int(fields["dimensions"])
            return cls(
                str(fields["text_model"]),
                dimensions,
                tuple(fact_names),
                LinearGate.from_fields(fields["words"], len(fact_names)),
                LinearGate.from_fields(fields["meaning"], dimensions + len(fact_names)),
                tuple(map(str, fields["learned_from"])),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(f"no gate in {file}: {error}. {REMEDY}") from error
