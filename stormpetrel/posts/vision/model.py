"""What sees: one interface for the descriptor that needs no weights and for CLIP models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.vision.clip import ClipModel
from stormpetrel.posts.vision.concepts import COLOUR_VERSION, ConceptList, colour_scores
from stormpetrel.posts.vision.descriptor import Descriptor
from stormpetrel.posts.vision.pictures import Picture

DESCRIPTOR = "descriptor"  # the name that settings give the model without weights


@dataclass(frozen=True)
class Seen:
    """What one picture shows: a unit vector, float32, and the concepts with their scores in (0, 1]."""

    vector: NDArray[np.float32]
    concepts: dict[str, float]


class VisualModel(Protocol):
    """Sees pictures. `version` names what made the vectors, `concept_version` what made the scores."""

    @property
    def version(self) -> str: ...

    @property
    def concept_version(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def see(self, pictures: Sequence[Picture]) -> list[Seen]: ...


class WeightlessModel:
    """The default: histograms for features, rules of colour for concepts. It looks, and understands nothing."""

    def __init__(self, concepts: ConceptList) -> None:
        self._descriptor, self._concepts = Descriptor(), concepts
        self.version, self.concept_version = self._descriptor.version, COLOUR_VERSION
        self.dimensions = self._descriptor.dimensions

    def see(self, pictures: Sequence[Picture]) -> list[Seen]:
        vectors = self._descriptor.encode(pictures)
        return [
            Seen(vector, colour_scores(picture, self._concepts.concepts))
            for picture, vector in zip(pictures, vectors, strict=True)
        ]


class Clip:
    """A CLIP model: its picture vectors, and concepts by zero-shot prompts (Radford et al. 2021)."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        self._model = ClipModel(directory, threads)
        self.version = self.concept_version = self._model.version
        self.dimensions = self._model.dimensions

    def see(self, pictures: Sequence[Picture]) -> list[Seen]:
        vectors = self._model.encode(pictures)
        return [Seen(vector, self._model.concepts(vector)) for vector in vectors]


def visual_model(name: str, directory: Path, concepts: ConceptList) -> VisualModel:
    """The model that settings name. Raises ModelUnavailable where it is CLIP and not in the cache."""
    return WeightlessModel(concepts) if name == DESCRIPTOR else Clip(directory)
