"""Which model makes the vectors of a name, and how long they are."""

from __future__ import annotations

from typing import NamedTuple

from stormpetrel.core.events import Vector


def named_with(model: str, pivot: str | None) -> str:
    """The name of a model whose texts are glossed by a word list of this version first.

    >>> named_with("all-MiniLM-L6-v2", "gloss1.200.5673d295")
    'all-MiniLM-L6-v2+gloss1.200.5673d295'
    """
    return f"{model}+{pivot}" if pivot else model


def model_name(version: str) -> str:
    """The model's own name in a version, with or without a word list and the mark of the exact weights.

    >>> model_name("all-MiniLM-L6-v2+gloss1.200.5673d295@027edb224127")
    'all-MiniLM-L6-v2'
    """
    return version.partition("@")[0].partition("+")[0]


def same_vectors(version: str, other: str) -> bool:
    """Whether two versions give the same vectors: the same model with the same word list. The mark after `@` is that of
    the exported file, which differs from export to export by 1e-6 of a vector.

    >>> same_vectors("all-MiniLM-L6-v2+gloss1@027edb224127", "all-MiniLM-L6-v2+gloss1@db3c16471655")
    True
    >>> same_vectors("all-MiniLM-L6-v2+gloss1@027edb224127", "all-MiniLM-L6-v2@027edb224127")
    False
    """
    return version.partition("@")[0] == other.partition("@")[0]


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
