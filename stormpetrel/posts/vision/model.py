"""The interface of visual models, and the model that needs no weights. `clip.py` has the other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.vision.concepts import COLOUR_VERSION, ConceptList, colour_scores
from stormpetrel.posts.vision.descriptor import Descriptor
from stormpetrel.posts.vision.pictures import Picture

DESCRIPTOR = "descriptor"  # the name in the settings of the model without weights


@dataclass(frozen=True)
class VisualFeatures:
    """A picture's unit vector, float32, shape (dimensions,), the scores of its concepts, in (0, 1], and how probable it
    is that it shows a flood (None: the model cannot tell)."""

    vector: NDArray[np.float32]
    concepts: dict[str, float]
    relevance: float | None = None


class VisualModel(Protocol):
    """Extracts visual features. `version` names the model of the vectors, `concept_version` that of the scores."""

    version: str
    concept_version: str
    dimensions: int

    def extract(self, pictures: Sequence[Picture]) -> list[VisualFeatures]: ...


class DescriptorModel(Descriptor):
    """The default: histograms as features, colour rules for concepts. It does not understand what it describes."""

    concept_version = COLOUR_VERSION

    def __init__(self, concepts: ConceptList) -> None:
        self._concepts = concepts.concepts

    def extract(self, pictures: Sequence[Picture]) -> list[VisualFeatures]:
        scores = [colour_scores(picture, self._concepts) for picture in pictures]
        return [VisualFeatures(*features) for features in zip(self.encode(pictures), scores, strict=True)]
