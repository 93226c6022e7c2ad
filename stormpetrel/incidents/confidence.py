"""How probable it is that an incident is real: a logistic regression of what its reports look like, then the radar.

The regression is learned from labelled events (`stormpetrel train incidents`); the file also has what was learned
without each fold of events. Authors stay out of it: the labelled sets name none. A radar's verdict multiplies the odds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.settings import CONFIG_DIRECTORY

CONFIDENCE_FILE = CONFIG_DIRECTORY / "incident_confidence.json"
REMEDY = "Learn it: stormpetrel train incidents --data DIR --truth FILE"
LEAST, MOST = 0.005, 0.995  # no number of labelled events says more
Array = NDArray[np.float64]


class Features(NamedTuple):
    """What an incident's reports look like. Counts are logarithms of one more."""

    posts: float
    narrow_posts: float
    surprise: float
    relevance: float
    place_confidence: float
    languages: float
    sources: float
    photos: float
    louder_elsewhere: float
    distinct: float


class Confidence(Protocol):
    """Says how probable it is that an incident is real; `post_ids` are its posts."""

    @property
    def version(self) -> str: ...

    def probability(self, features: Features, post_ids: tuple[str, ...]) -> float: ...


@dataclass(frozen=True)
class ConfidenceWeights:
    """A logistic regression of features that are centred and scaled, each array of shape (features,)."""

    weights: Array
    intercept: float
    means: Array
    scales: Array

    def probability(self, features: Features) -> float:
        score = float(((np.array(features) - self.means) / self.scales) @ self.weights) + self.intercept
        return min(MOST, max(LEAST, 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))))

    def fields(self) -> dict[str, Any]:
        arrays = {"weights": self.weights, "means": self.means, "scales": self.scales}
        return {name: np.round(array, 5).tolist() for name, array in arrays.items()} | {
            "intercept": round(self.intercept, 5)
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> ConfidenceWeights:
        """Raises ValueError where the numbers do not fit the features."""
        weights, means, scales = (np.array(fields[name], dtype=np.float64) for name in ("weights", "means", "scales"))
        if {array.shape for array in (weights, means, scales)} != {(len(Features._fields),)}:
            raise ValueError(f"the features are {Features._fields}")
        return cls(weights, float(fields["intercept"]), means, scales)


@dataclass(frozen=True)
class LearnedConfidence:
    """The learned confidence. `without` has, for folds of events by their keys, what was learned without them."""

    version: str
    weights: ConfidenceWeights
    without: tuple[tuple[frozenset[str], ConfidenceWeights], ...] = ()
    learned_from: tuple[str, ...] = ()

    def probability(self, features: Features, post_ids: tuple[str, ...]) -> float:
        return self.weights.probability(features)

    def weights_without(self, event: str) -> ConfidenceWeights:
        """What did not learn from the event of this key."""
        return next((weights for events, weights in self.without if event in events), self.weights)

    def save(self, file: Path) -> None:
        folds = [{"events": sorted(events), **weights.fields()} for events, weights in self.without]
        fields = {"version": self.version, "learned_from": self.learned_from, "features": Features._fields}
        text = json.dumps({**fields, **self.weights.fields(), "without": folds}, indent=1)
        file.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path = CONFIDENCE_FILE) -> LearnedConfidence:
        """Raises ModelUnavailable where the file is missing or is not one that `save` wrote."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            if tuple(fields["features"]) != Features._fields:
                raise ValueError(f"its features are {fields['features']}")
            without = tuple(
                (frozenset(map(str, fold["events"])), ConfidenceWeights.from_fields(fold)) for fold in fields["without"]
            )
            names = tuple(map(str, fields["learned_from"]))
            return cls(str(fields["version"]), ConfidenceWeights.from_fields(fields), without, names)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(f"no confidence of incidents in {file}: {error!r}. {REMEDY}") from error


def with_likelihood_ratio(probability: float, ratio: float) -> float:
    """The probability after evidence that is `ratio` times as likely where the incident is real.

    >>> round(with_likelihood_ratio(0.5, 3.0), 2)
    0.75
    """
    odds = probability / (1 - probability) * ratio
    return min(MOST, max(LEAST, odds / (1 + odds)))
