"""The model that weighs the evidence for the places of a name: a conditional logit (McFadden 1974), which is a softmax
over the name's candidates, "near another name of the post", "where recent posts are", and "a place that the gazetteer
lacks". Learned by `stormpetrel train resolver`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.geoparser.evidence import FEATURES, Piece

RESOLVER = CONFIG_DIRECTORY / "place_resolver"
MODEL, PARTS = "model.json", "training_parts.npy"
PART = np.dtype([("hash", "<u8"), ("part", "u1")])


@dataclass(frozen=True)
class Weights:
    """A log-odds weight for each feature: `alone` for a first look at a name without the post's other names, `together`
    for the answer."""

    alone: Mapping[str, float]
    together: Mapping[str, float]

    def as_json(self) -> dict[str, dict[str, float]]:
        return {
            name: {feature: round(weight, 4) for feature, weight in weights.items() if weight}
            for name, weights in (("alone", self.alone), ("together", self.together))
        }


# The most populous place of a name: what learning starts from, and the baseline.
MOST_POPULOUS = {"population": 2.0, "alternate_name": -2.0, "lacking": -2.0, "at_other_name": -9.0, "at_recent": -9.0}
START = Weights(MOST_POPULOUS, MOST_POPULOUS)


@dataclass(frozen=True)
class ResolverModel:
    """The weights that serve, and those that were learned without a part of the labelled posts: `parts` says by the
    hashes of their texts which posts are in which. `fields` is what the model's file says of itself: its data, its
    figures."""

    weights: Weights
    without: Sequence[Weights] = ()
    parts: Mapping[int, int] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    def weights_for(self, text_hash: int) -> Weights:
        """The weights that did not learn from a post."""
        part = self.parts.get(text_hash)
        return self.weights if part is None else self.without[part]

    def save(self, directory: Path) -> None:
        """Writes the model's files into a folder."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / PARTS, np.array(sorted(self.parts.items()), dtype=PART))
        document = {**self.fields, **self.weights.as_json(), "without": [each.as_json() for each in self.without]}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (directory / MODEL).write_text(text, encoding="utf-8")


def load_resolver(directory: Path = RESOLVER) -> ResolverModel:
    """The model of a folder. Raises SetupError where there is none, or one with other features."""
    try:
        document = json.loads((directory / MODEL).read_text(encoding="utf-8"))
        weights, *without = (_weights(each) for each in (document, *document["without"]))
        parts = dict(np.load(directory / PARTS).tolist())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "Train it with: stormpetrel train resolver --data FOLDER"
        raise SetupError(f"no model of place names in {directory} ({error}). {remedy}") from error
    fields = {name: value for name, value in document.items() if name not in ("alone", "together", "without")}
    return ResolverModel(weights, without, parts, fields)


def _weights(document: Mapping[str, Any]) -> Weights:
    keys = ("alone", "together")
    alone, together = ({str(name): float(weight) for name, weight in document[key].items()} for key in keys)
    if unknown := (alone.keys() | together.keys()) - set(FEATURES):
        raise ValueError(f"it weighs {', '.join(sorted(unknown))}, which this version does not know")
    return Weights(alone, together)


def shares(options: Sequence[Sequence[Piece]], weights: Mapping[str, float]) -> list[float]:
    """The probability of each option, which add up to 1.

    >>> shares([[("population", 1.0, "")], [("population", 1.0, "")]], {"population": 0.7})
    [0.5, 0.5]
    """
    scores = [sum(weights.get(feature, 0.0) * value for feature, value, _ in pieces) for pieces in options]
    highest = max(scores)
    odds = [math.exp(score - highest) for score in scores]
    total = sum(odds)
    return [odd / total for odd in odds]
