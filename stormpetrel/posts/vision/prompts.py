"""What a CLIP model is asked about a photo: the prompts of the concepts, and those of a flood and of everything else.

The relevance of a photo to a flood (after Moumtzidou et al., "Flood relevance estimation from visual and textual
content in social media streams", 2018, who train a classifier) is zero-shot here (Radford et al. 2021): no photo was
learned from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.vision.concepts import ConceptList

Prompt = Annotated[str, Field(min_length=2, max_length=200)]


class Sides(BaseModel):
    """The prompts that a photo of a flood is near to, and those that any other photo is near to."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    flood: tuple[Prompt, ...] = Field(min_length=1)
    other: tuple[Prompt, ...] = Field(min_length=1)


class Prompts(Sides):
    """All prompts of a model; `concepts` is name -> prompt, in the order of the scores."""

    concepts: dict[str, str]

    @property
    def texts(self) -> list[str]:
        """Every prompt: of the concepts, of a flood, of everything else."""
        return [*self.concepts.values(), *self.flood, *self.other]


def read_prompts(file: Path, concepts: ConceptList) -> Prompts:
    """The prompts of a YAML file with the lists `flood` and `other`, and those of the concepts. Raises SetupError."""
    try:
        fields: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        sides = Sides.model_validate(fields)
    except (OSError, yaml.YAMLError) as error:
        raise SetupError(f"{file} cannot be read ({error}): give the lists `flood` and `other` of prompts") from error
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"])) or "the file"
        raise SetupError(
            f"{file}: {where} is no list of prompts: give the lists `flood` and `other`, each of texts like "
            "`a photo of a flooded street`"
        ) from error
    return Prompts(flood=sides.flood, other=sides.other, concepts=concepts.prompts)
