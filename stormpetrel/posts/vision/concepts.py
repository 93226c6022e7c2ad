"""Named concepts: the list, its scores as a sparse vector, and the scores that colours alone can give.

The paper scores 345 concepts (TRECVID SIN); ours are in `config/concepts.yaml`, and users add their own there. A
concept's index in the vector is a hash of its name, so that a longer list needs no new vector index.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import TermWeights
from stormpetrel.posts.vision.descriptor import hue_saturation_value
from stormpetrel.posts.vision.pictures import Picture

COLOUR_VERSION = "colour-rules@1"
PROMPT = "a photo of {}"
MAX_CONCEPTS = 20  # of a picture; the rest is noise
MIN_SHARE = 0.08  # of its zone that a concept's colour must fill
WORD = re.compile(r"[^\W_]+")


class Colour(BaseModel):
    """The colour range of a concept: hue in degrees, saturation and value from 0 to 1, and the zone of the picture."""

    model_config = ConfigDict(extra="forbid")
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]
    zone: Literal["upper", "lower", "all"] = "all"


class Concept(BaseModel):
    """A concept by its name. CLIP scores it by `prompt`, the rules of colour by `colour`."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=2, max_length=80)
    prompt: str | None = Field(default=None, min_length=2, max_length=200)
    colour: Colour | None = None


@dataclass(frozen=True)
class ConceptList:
    """The concepts, in the order of the file."""

    concepts: tuple[Concept, ...]

    @property
    def names(self) -> list[str]:
        return [concept.name for concept in self.concepts]

    @property
    def prompts(self) -> dict[str, str]:
        """Name -> what a text encoder is asked; without a prompt of its own it is "a photo of" the name."""
        return {concept.name: concept.prompt or PROMPT.format(concept.name) for concept in self.concepts}

    def named_in(self, text: str) -> dict[str, float]:
        """The concepts whose words are all in a text, with score 1: so a text query finds photos.

        >>> ConceptList((Concept(name="flooded street"), Concept(name="fire"))).named_in("A street, flooded!")
        {'flooded street': 1.0}
        """
        words = set(_words(text))
        return {name: 1.0 for name in self.names if words.issuperset(_words(name))}


def read_concepts(file: Path) -> ConceptList:
    """The concepts of a YAML file. Raises SetupError, which names the wrong entry, where it is no list of concepts."""
    try:
        entries: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        concepts = [Concept.model_validate(entry if isinstance(entry, dict) else {"name": entry}) for entry in entries]
    except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
        raise SetupError(f"{file} is no list of concepts: {error}") from error
    names = [_folded(concept.name) for concept in concepts]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not concepts:
        raise SetupError(f"{file}: {f'{repeated[0]!r} is listed twice' if repeated else 'it is empty'}")
    return ConceptList(tuple(concepts))


def terms_of(scores: Mapping[str, float]) -> TermWeights | None:
    """Concept scores as a sparse unit vector of the strongest 20; None without any above 0."""
    strongest = sorted(((score, name) for name, score in scores.items() if score > 0), reverse=True)[:MAX_CONCEPTS]
    length = sum(score**2 for score, _ in strongest) ** 0.5
    if not length:
        return None
    ordered = sorted((zlib.crc32(_folded(name).encode()), round(score / length, 5)) for score, name in strongest)
    return TermWeights(indices=tuple(index for index, _ in ordered), values=tuple(value for _, value in ordered))


def colour_scores(picture: Picture, concepts: Sequence[Concept]) -> dict[str, float]:
    """For each concept with a colour, the share of its zone that the colour fills; only shares of at least 0.08."""
    hue, saturation, value = hue_saturation_value(picture)
    degrees, half = hue * 360, max(1, picture.shape[0] // 2)
    zones = {"upper": slice(0, half), "lower": slice(picture.shape[0] - half, None), "all": slice(None)}
    scores = {}
    for concept in concepts:
        if concept.colour is not None:
            rule, rows = concept.colour, zones[concept.colour.zone]
            # A rule may run from 345 to 405: a hue of 10 is one of 370 too.
            matches = _within(degrees[rows], rule.hue) | _within(degrees[rows] + 360, rule.hue)
            matches &= _within(saturation[rows], rule.saturation) & _within(value[rows], rule.value)
            share = float(matches.mean())
            if share >= MIN_SHARE:
                scores[concept.name] = round(share, 4)
    return scores


def _within(values: Any, limits: tuple[float, float]) -> Any:
    return (values >= limits[0]) & (values <= limits[1])


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())


def _words(text: str) -> list[str]:
    return WORD.findall(_folded(text))
