"""The models that turn a query's texts, pictures and vectors into unit vectors. A missing model costs its modalities
only: it stands here as the error that says why, and is raised where the model is needed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import BadPicture, BadQuery, ModelUnavailable
from stormpetrel.core.events import TermWeights
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.vision.concepts import ConceptList, terms_of
from stormpetrel.posts.vision.model import DescriptorModel, VisualModel
from stormpetrel.posts.vision.pictures import from_base64, read_picture
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search.patch_lists import DESCRIPTORS, WATER_MODEL
from stormpetrel.search.text_reading import text_readings

# What makes the scores of the modalities that have no model.
RULE_VERSIONS = {
    "lexical": "bm25-snowball@1",
    "space": "great-circle-1km@2",
    "time": "clock-10min@2",
    "spatiotemporal": "great-circle-and-clock@2",
    "overhead": "clock@1",
    "reported": "best-rank-there@1",
    "new_water": "share-by-confidence@1",
    "labelled": f"predictions-of-{WATER_MODEL}@1",
}

REMEMBERED = 256  # vectors of texts: a team that keeps a page open asks the same again and again
Model = TypeVar("Model")


class TextModel(Encoder, Protocol):
    """An encoder of texts that tells the length of its vectors, and takes a text of a known language."""

    @property
    def dimensions(self) -> int: ...

    def encode_in(self, text: str, language: str) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class QueryEncoder:
    """`patch_descriptors` says what makes every vector of a patch, by its name; `glosser` gives words of other
    languages their English terms."""

    text_model: TextModel | ModelUnavailable
    visual_model: VisualModel | ModelUnavailable
    concepts: ConceptList
    patch_descriptors: Mapping[str, EmbeddingSpec]
    glosser: Glosser | None = None
    # One query at a time in each model: it uses all its threads for one.
    _text_lock: threading.Lock = field(default_factory=threading.Lock)
    _visual_lock: threading.Lock = field(default_factory=threading.Lock)
    # By a fingerprint: nobody's words stay in memory.
    _remembered: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def understands_photos(self) -> bool:
        """Whether a visual model is there, and not the rules of colour alone."""
        return not isinstance(self.visual_model, DescriptorModel)

    @property
    def has_text_model(self) -> bool:
        return not isinstance(self.text_model, ModelUnavailable)

    def text(self, text: str, language: str | None = None) -> NDArray[np.float32]:
        """The unit vector of a text, shape (dimensions,), of a stated language or the one that it seems to be in;
        nothing may write to it. Raises ModelUnavailable."""
        model = _available(self.text_model)
        with SEARCH_SECONDS.labels("encode").time(), self._text_lock:
            asked = _fingerprint(text, language)
            vector = self._remembered.pop(asked, None)
            if vector is None:
                vector = model.encode_in(text, language) if language else model.encode([text])[0]
                vector.flags.writeable = False
            self._remembered[asked] = vector  # the last of them; the first is forgotten
            if len(self._remembered) > REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            return vector

    def readings(self, text: str, language: str | None = None) -> dict[str, str]:
        """What `text` and `lexical` do with a text, in words."""
        is_glossed = getattr(self.text_model, "pivot", None) is not None
        readings = text_readings(text, language, self.glosser, is_glossed)
        return readings if self.has_text_model else {"lexical": readings["lexical"]}

    def concepts_in(self, text: str) -> TermWeights | None:
        """The concepts that a text names."""
        return terms_of(self.concepts.named_in(text))

    def picture(self, picture: str) -> dict[str, Any]:
        """The `visual` and `concepts` parts of a query by a picture in base64. Raises BadQuery, ModelUnavailable."""
        try:
            pixels = read_picture(from_base64(picture))
        except BadPicture as error:
            raise BadQuery("picture", error.problem, error.remedy) from error
        model = _available(self.visual_model)
        with SEARCH_SECONDS.labels("encode").time(), self._visual_lock:
            features = model.extract([pixels])[0]
        return {"visual": features.vector, "concepts": terms_of(features.concepts)}

    def unit_vector(self, name: str, values: Sequence[float]) -> NDArray[np.float32]:
        """A client's own vector of the model or descriptor `name`, of length 1. Raises BadQuery, ModelUnavailable."""
        vector = np.asarray(values, dtype=np.float32)
        dimensions = self._dimensions(name)
        if len(vector) != dimensions:
            problem = f"it has {len(vector)} values, and this index {dimensions}"
            raise BadQuery(f"vectors.{name}", problem, "Send a vector of the model that the answers name")
        length = float(np.linalg.norm(vector))
        if not length or not np.isfinite(length):
            raise BadQuery(f"vectors.{name}", "it has no direction", "Send finite values, one of them not 0")
        unit: NDArray[np.float32] = vector / length
        return unit

    def version(self, modality: str) -> str:
        """The model, descriptor or rule that makes a modality's scores; "none" where its model is missing."""
        if modality in RULE_VERSIONS:
            return RULE_VERSIONS[modality]
        if modality in self.patch_descriptors:
            return self.patch_descriptors[modality].model
        if modality == "text":
            return "none" if isinstance(self.text_model, ModelUnavailable) else self.text_model.version
        if isinstance(self.visual_model, ModelUnavailable):
            return "none"
        return self.visual_model.version if modality == "visual" else self.visual_model.concept_version

    def _dimensions(self, name: str) -> int:
        if name in self.patch_descriptors:
            return self.patch_descriptors[name].dimensions
        if name in DESCRIPTORS:
            raise ModelUnavailable("no Earth-observation model is there: set imagery.earth_model to the folder of one")
        return _available(self.text_model).dimensions if name == "text" else _available(self.visual_model).dimensions


def _fingerprint(text: str, language: str | None) -> bytes:
    return hashlib.blake2b(f"{language}:{text}".encode(errors="surrogatepass"), digest_size=16).digest()


def _available(model: Model | ModelUnavailable) -> Model:
    if isinstance(model, ModelUnavailable):
        raise model
    return model
