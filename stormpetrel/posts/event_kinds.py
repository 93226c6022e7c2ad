"""How probable it is that a post is about an event of a kind: flood, storm, earthquake or wildfire, in any language.

A logistic regression for each kind of the post's text vector and of words for the kind in its English gloss. What is
learned holds for the text model that it was learned with. The file also has the models that were learned without each
fold of events, so that an event is never judged by what learned from it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from stormpetrel.core.embedding_spec import model_name
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.events import EventRelevance
from stormpetrel.core.settings import CONFIG_DIRECTORY

log = structlog.get_logger()
KINDS_FILE = CONFIG_DIRECTORY / "event_kinds.json"
KINDS = ("flood", "storm", "earthquake", "wildfire")
# Beginnings of words that name a kind, also inside hashtags.
KIND_WORDS: Mapping[str, re.Pattern[str]] = {
    "flood": re.compile(r"flood|inundat|deluge|high water|water level|overflow|mudslide|landslide"),
    "storm": re.compile(r"hurricane|cyclone|typhoon|storm|tornado|landfall"),
    "earthquake": re.compile(r"quake|tremor|aftershock|seism|epicent|magnitude|richter"),
    "wildfire": re.compile(r"wildfire|bushfire|forest fire|brush ?fire|grass ?fire|\bblaze|\bfires\b"),
}
ABOUT_EVENT_FROM = 0.5  # probability of a kind from which a post counts as one about an event
LEAST_TOLD = 0.02  # probabilities below are left out of events
REMEDY = "Learn it: stormpetrel train kinds --data DIR"
Array = NDArray[np.float64]


def features(vectors: NDArray[np.float32], english: Sequence[str]) -> Array:
    """The text vectors and, for each kind, whether the gloss has a word for it: shape (texts, dimensions + kinds)."""
    words = [[float(KIND_WORDS[kind].search(text.lower()) is not None) for kind in KINDS] for text in english]
    return np.hstack([vectors.astype(np.float64), np.array(words, dtype=np.float64).reshape(len(english), len(KINDS))])


@dataclass(frozen=True)
class KindWeights:
    """Of each kind in the order of `KINDS`: weights (kinds, dimensions + kinds) and intercepts (kinds,)."""

    weights: Array
    intercepts: Array

    def probabilities(self, rows: Array) -> Array:
        """Shape (texts, kinds)."""
        scores = rows @ self.weights.T + self.intercepts
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(scores, -30, 30))))

    def fields(self) -> dict[str, Any]:
        """As JSON has it: four decimals are more than a probability needs."""
        return {"weights": np.round(self.weights, 4).tolist(), "intercepts": np.round(self.intercepts, 4).tolist()}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> KindWeights:
        """Raises ValueError where the numbers do not fit the kinds."""
        weights = np.array(fields["weights"], dtype=np.float64)
        intercepts = np.array(fields["intercepts"], dtype=np.float64)
        if weights.ndim != 2 or weights.shape[0] != len(KINDS) or intercepts.shape != (len(KINDS),):
            raise ValueError(f"weights of shape {weights.shape} are not those of {len(KINDS)} kinds")
        return cls(weights, intercepts)


@dataclass(frozen=True)
class EventKinds:
    """The model of all kinds. `without` has, for folds of events by their keys, what was learned without them."""

    text_model: str
    version: str
    weights: KindWeights
    without: tuple[tuple[frozenset[str], KindWeights], ...] = ()
    learned_from: tuple[str, ...] = ()

    def relevance(self, vectors: NDArray[np.float32], english: Sequence[str]) -> list[tuple[EventRelevance, ...]]:
        """The relevance of each post to each kind; kinds that are out of the question are left out."""
        return self.told(self.weights.probabilities(features(vectors, english)))

    def told(self, probabilities: Array) -> list[tuple[EventRelevance, ...]]:
        """Rows of probabilities (texts, kinds) as events tell them."""
        return [
            tuple(
                EventRelevance(kind=kind, probability=round(float(value), 4), model_version=self.version)
                for kind, value in zip(KINDS, row, strict=True)
                if value >= LEAST_TOLD and not math.isnan(value)
            )
            for row in probabilities
        ]

    def weights_without(self, event: str) -> KindWeights:
        """What did not learn from the event of this key: the whole model where no fold has it."""
        return next((weights for events, weights in self.without if event in events), self.weights)

    def save(self, file: Path) -> None:
        folds = [{"events": sorted(events), **weights.fields()} for events, weights in self.without]
        fields = {"text_model": self.text_model, "version": self.version, "learned_from": self.learned_from}
        text = json.dumps({**fields, "kinds": KINDS, **self.weights.fields(), "without": folds}, separators=(",", ":"))
        file.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> EventKinds:
        """Raises ModelUnavailable where the file is missing or is not one that `save` wrote."""
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            if tuple(fields["kinds"]) != KINDS:
                raise ValueError(f"its kinds are {fields['kinds']}")
            without = tuple(
                (frozenset(map(str, fold["events"])), KindWeights.from_fields(fold)) for fold in fields["without"]
            )
            return cls(
                str(fields["text_model"]),
                str(fields["version"]),
                KindWeights.from_fields(fields),
                without,
                tuple(map(str, fields["learned_from"])),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(f"no model of kinds of events in {file}: {error!r}. {REMEDY}") from error


def is_about_event(relevance: Sequence[EventRelevance]) -> bool:
    """Whether a post of this relevance counts as one about an event of some kind."""
    return any(each.probability >= ABOUT_EVENT_FROM for each in relevance)


def kinds_for(text_model: str, file: Path = KINDS_FILE) -> EventKinds | None:
    """The learned kinds; None, with a warning, where they are missing or were learned with another text model than
    this version of one."""
    try:
        kinds = EventKinds.load(file)
    except ModelUnavailable as error:
        log.warning("posts have no relevance to kinds of events, and no incidents are found", reason=str(error))
        return None
    if kinds.text_model == model_name(text_model):
        return kinds
    reason = f"they were learned with {kinds.text_model}. {REMEDY}"
    log.warning("posts have no relevance to kinds of events, and no incidents are found", reason=reason)
    return None
