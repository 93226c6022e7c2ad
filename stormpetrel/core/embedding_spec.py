"""Which model makes the vectors of a name, and how long they are."""

from __future__ import annotations

from typing import NamedTuple

from stormpetrel.core.events import Vector


class EmbeddingSpec(NamedTuple):
    """A model with its version, or without the mark of its exact weights (`name@mark`), and its dimensions."""

    model: str
    dimensions: int

    def matches(self, vector: Vector) -> bool:
        """Whether a vector is of this model and has its size. Raises MalformedRecord where it cannot be read."""
        models = (vector.model, vector.model.split("@")[0])
        return self.model in models and len(vector.values()) == self.dimensions

    def __str__(self) -> str:
        return f"{self.model} ({self.dimensions} values)"
