"""Named concepts: the list, its scores as a sparse vector, and the scores that colours alone can give.

The paper scores 345 concepts (TRECVID SIN); ours stand in `config/concepts.yaml`, and a user adds to them there. A
concept's place in the vector comes from its name, so that a longer list needs no new index.
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
MOST_CONCEPTS = 20  # of a picture; the rest is noise
LEAST_SHARE = 0.08  # of its zone that a concept's colour must fill
WORD = re.compile(r"[^\W_]+")


class Colour(BaseModel):
    """The colours that stand for a concept: hue in degrees, saturation and value 0 to 1, and where they are."""

    model_config = ConfigDict(extra="forbid")
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]
    zone: Literal["upper", "lower", "all"] = "all"


class Concept(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=2, max_length=80)
    colour: Colour | None = None


@dataclass(frozen=True)
class ConceptList:
    """The concepts, in the order of the file."""

    concepts: tuple[Concept, ...]

    @property
    def names(self) -> list[str]:
        return [concept.name for concept in self.concepts]

    def named_in(self, text: str) -> dict[str, float]:
        """The concepts whose words all stand in a text, 1 each: how words ask for pictures.

        >>> ConceptList((Concept(name="flooded street"), Concept(name="fire"))).named_in("A street, flooded!")
        {'flooded street': 1.0}
        """
        words = set(_words(text))
        return {name: 1.0 for name in self.names if words.issuperset(_words(name))}


def read_concepts(file: Path) -> ConceptList:
    """Raises SetupError, which names the entry at fault, where the file is no list of concepts."""
    try:
        entries: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = [Concept.model_validate(entry if isinstance(entry, dict) else {"name": entry}) for entry in entries]
    except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
        raise SetupError(f"{file} is no list of concepts: {error}") from error
    names = [_folded(concept.name) for concept in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not found:
        raise SetupError(f"{file}: {f'{twice[0]!r} stands there twice' if twice else 'it is empty'}")
    return ConceptList(tuple(found))


def terms_of(scores: Mapping[str, float]) -> TermWeights | None:
    """Concept scores as a sparse unit vector of the strongest 20; None without any above 0."""
    strongest = sorted(((score, name) for name, score in scores.items() if score > 0), reverse=True)[:MOST_CONCEPTS]
    length = sum(score**2 for score, _ in strongest) ** 0.5
    if not length:
        return None
    ordered = sorted((zlib.crc32(_folded(name).encode()), round(score / length, 5)) for score, name in strongest)
    return TermWeights(indices=tuple(index for index, _ in ordered), values=tuple(value for _, value in ordered))


def colour_scores(picture: Picture, concepts: Sequence[Concept]) -> dict[str, float]:
    """The share of its zone that each concept's colours fill, for the concepts that have colours and fill 8 %."""
    hue, saturation, value = hue_saturation_value(picture)
    degrees, middle = hue * 360, max(1, picture.shape[0] // 2)
    zones = {"upper": slice(0, middle), "lower": slice(picture.shape[0] - middle, None), "all": slice(None)}
    scores = {}
    for concept in concepts:
        if concept.colour is not None:
            rule, rows = concept.colour, zones[concept.colour.zone]
            # From 345 to 405: a hue of 10 is one of 370 too.
            fits = _within(degrees[rows], rule.hue) | _within(degrees[rows] + 360, rule.hue)
            fits &= _within(saturation[rows], rule.saturation) & _within(value[rows], rule.value)
            share = float(fits.mean())
            if share >= LEAST_SHARE:
                scores[concept.name] = round(share, 4)
    return scores


def _within(values: Any, limits: tuple[float, float]) -> Any:
    return (values >= limits[0]) & (values <= limits[1])


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())


def _words(text: str) -> list[str]:
    return WORD.findall(_folded(text))
