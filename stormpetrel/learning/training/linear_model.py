"""A linear model of a label: weights and an intercept, as it is fitted, published and used."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import MalformedRecord

Float64 = NDArray[np.float64]


def pack(values: Float64) -> str:
    """Base64 of little-endian float64: every bit comes back."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def unpack(data: str) -> Float64:
    """Raises MalformedRecord where it is not what `pack` writes."""
    try:
        return np.frombuffer(base64.b64decode(data, validate=True), dtype="<f8").copy()
    except ValueError as error:
        raise MalformedRecord(f"weights are not base64 of float64: {error}") from error


@dataclass(frozen=True)
class LinearModel:
    """Weights (dimensions,) float64 and an intercept."""

    weights: Float64
    intercept: float
    separates = True  # its sign says which side of the label an item is on

    def score(self, vector: NDArray[np.floating]) -> float:
        """Positive on the label's side. The sum has one order, so that every process gets the same bits."""
        return math.fsum((self.weights * vector.astype(np.float64)).tolist()) + self.intercept

    def probability(self, vector: NDArray[np.floating]) -> float:
        """The logistic of the score: from .5 on the item is on the label's side."""
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, self.score(vector)))))

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of rows at once, shape (rows,), in single precision: for ranking, not for bits."""
        return matrix @ self.weights.astype(np.float32) + np.float32(self.intercept)

    def above(self, threshold: float) -> LinearModel:
        """The same weights, with the score 0 where this one scores `threshold`."""
        return replace(self, intercept=self.intercept - threshold)

    def fields(self) -> dict[str, Any]:
        """As it travels in an event."""
        return {"weights": pack(self.weights), "intercept": self.intercept}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> LinearModel:
        """Raises MalformedRecord where they are not what `fields` gives."""
        try:
            return cls(unpack(str(fields["weights"])), float(fields["intercept"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedRecord(f"a model's weights cannot be read: {error!r}") from error
