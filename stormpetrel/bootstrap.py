"""Puts parts together from settings: what several entry points need, made in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import structlog

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.events import Vector
from stormpetrel.core.settings import CONFIG_DIRECTORY, Imagery, Settings
from stormpetrel.fusion import LearnedFusion
from stormpetrel.imagery.patches.descriptors import (
    FUSED_DESCRIPTOR,
    FUSED_DIMENSIONS,
    MS_DESCRIPTOR,
    MS_DIMENSIONS,
    SAR_DESCRIPTOR,
    SAR_DIMENSIONS,
)
from stormpetrel.imagery.patches.earth_model import read_earth_manifest
from stormpetrel.learning.annotations.label_catalogue import Catalogue, read_catalogue
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.models.export import model_directory
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.text.encoder import TextEncoder, read_manifest
from stormpetrel.posts.vision.clip import read_clip_manifest
from stormpetrel.posts.vision.concepts import ConceptList, read_concepts
from stormpetrel.posts.vision.descriptor import DIMENSIONS, VERSION
from stormpetrel.posts.vision.model import DESCRIPTOR, VisualModel, visual_model
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.stores.collections import Compression, VectorCollection, patches_collection, posts_collection
from stormpetrel.stores.qdrant import QdrantIndex

log = structlog.get_logger()
Model = TypeVar("Model")
CONCEPTS_FILE = CONFIG_DIRECTORY / "concepts.yaml"
LABELS_FILE = CONFIG_DIRECTORY / "labels.yaml"
FUSION_FILE = CONFIG_DIRECTORY / "fusion_weights.json"
PRIOR_FILE = CONFIG_DIRECTORY / "relevance_prior.json"
TAGGER = CONFIG_DIRECTORY / "places_tagger"


def concept_list() -> ConceptList:
    """The concepts of `config/concepts.yaml`."""
    return read_concepts(CONCEPTS_FILE)


def label_catalogue() -> Catalogue:
    """The semantic catalogue of `config/labels.yaml`."""
    return read_catalogue(LABELS_FILE)


def relevance_prior(settings: Settings) -> Prior | None:
    """What other events teach of the posts of a new one; None where it is of another text model than the configured
    one, or not there."""
    try:
        prior = Prior.load(PRIOR_FILE)
    except ModelUnavailable as error:
        log.warning("posts are judged without a prior", reason=str(error))
        return None
    return prior if prior.text_model == settings.text_model.name else None


def open_text_encoder(settings: Settings) -> TextEncoder:
    """Raises ModelUnavailable where the configured model is not in the cache."""
    directory = model_directory(settings.models, settings.text_model.name)
    return TextEncoder(directory, settings.text_model.batch_size, settings.text_model.threads)


def open_visual_model(settings: Settings) -> VisualModel:
    """Raises ModelUnavailable where the configured model is CLIP and not in the cache."""
    directory = model_directory(settings.models, settings.visual_model.name)
    return visual_model(settings.visual_model.name, directory, concept_list())


def open_index(settings: Settings) -> QdrantIndex:
    """The vector index; it need not answer yet."""
    chosen = settings.qdrant.compression
    compression = Compression(chosen.kind, chosen.rescore, chosen.oversampling, chosen.ef)
    return QdrantIndex(settings.qdrant.url, settings.qdrant.api_key, settings.qdrant.timeout_s, compression)


@dataclass(frozen=True)
class EmbeddingSpec:
    """A model as vectors name it, without the mark of its exact weights, and its dimensions."""

    model: str
    dimensions: int

    def made(self, vector: Vector) -> bool:
        """Whether a vector is of this model and has its size. Raises MalformedRecord where it cannot be read."""
        return (vector.model.split("@")[0], len(vector.values())) == (self.model, self.dimensions)

    def __str__(self) -> str:
        return f"{self.model} ({self.dimensions} values)"


@dataclass(frozen=True)
class EmbeddingSpecs:
    """The models whose vectors an index holds."""

    text: EmbeddingSpec
    visual: EmbeddingSpec


def embedding_specs_of(settings: Settings) -> EmbeddingSpecs:
    """Raises ModelUnavailable where a configured model is not in the cache."""
    text = read_manifest(model_directory(settings.models, settings.text_model.name))
    if settings.visual_model.name == DESCRIPTOR:
        visual = EmbeddingSpec(VERSION.split("@")[0], DIMENSIONS)
    else:
        clip = read_clip_manifest(model_directory(settings.models, settings.visual_model.name))
        visual = EmbeddingSpec(clip.model, clip.dimensions)
    return EmbeddingSpecs(EmbeddingSpec(text.model, text.dimensions), visual)


def posts_of(settings: Settings) -> VectorCollection:
    """The posts' collection of the configured models. Raises ModelUnavailable where one is not in the cache."""
    embedding_specs = embedding_specs_of(settings)
    text = (settings.text_model.name, embedding_specs.text.dimensions)
    visual = (settings.visual_model.name, embedding_specs.visual.dimensions)
    return posts_collection(settings.qdrant.collection_prefix, text, visual)


# What describes patches in this release: (version, dimensions) by the vector's name.
PATCH_DESCRIPTORS = {
    "sar": (SAR_DESCRIPTOR, SAR_DIMENSIONS),
    "ms": (MS_DESCRIPTOR, MS_DIMENSIONS),
    "fused": (FUSED_DESCRIPTOR, FUSED_DIMENSIONS),
}


def open_gazetteer(settings: Settings) -> Gazetteer:
    """The gazetteer of the settings; made first, in a process of its own, where it is not there yet."""
    return Gazetteer(ensure_gazetteer(settings.cache, settings.places.gazetteer))


def open_geoparser(settings: Settings, *, learns: bool = False) -> Geoparser:
    """What finds places: the trained tagger over the gazetteer. Where it `learns`, the posts before speak for those
    after. Raises ModelUnavailable where there is no tagger."""
    gazetteer = open_gazetteer(settings)
    tagger = load_tagger(settings.places.tagger or TAGGER, gazetteer)
    recent = RecentPlaces(timedelta(hours=settings.places.recent_h)) if learns else None
    return Geoparser(gazetteer, PlaceRecogniser(gazetteer, tagger), recent)


def patch_descriptors_of(settings: Settings) -> dict[str, tuple[str, int]]:
    """(version, dimensions) of every vector of a patch, by its name; `earth` where a model of it is configured.

    Raises ModelUnavailable where that model is not whole.
    """
    if settings.imagery.earth_model is None:
        return PATCH_DESCRIPTORS
    earth = read_earth_manifest(settings.imagery.earth_model)
    return {**PATCH_DESCRIPTORS, "earth": (earth.version, earth.dimensions)}


def patches_of(settings: Settings) -> VectorCollection:
    """The patches' collection of what describes them. Raises ModelUnavailable as `describers_of` does."""
    made = patch_descriptors_of(settings)
    return patches_collection(settings.qdrant.collection_prefix, made["sar"], made["ms"], made.get("earth"))


def posts_or_what_is_there(settings: Settings, index: QdrantIndex) -> str:
    """The posts' collection for who only reads: without a model in the cache, the one that its name fits.

    Raises ModelUnavailable where none or several fit, StoreUnavailable where the index does not answer.
    """
    try:
        return posts_of(settings).name
    except ModelUnavailable as missing:
        shape = posts_collection(
            settings.qdrant.collection_prefix, (settings.text_model.name, 0), (settings.visual_model.name, 0)
        ).name
        first, second = shape.removesuffix("-0").split("-0-", 1)
        fitting = [name for name in index.collections() if name.startswith(f"{first}-") and f"-{second}-" in name]
        if len(fitting) != 1:
            raise missing
        return fitting[0]


def patches_or_what_is_there(settings: Settings, index: QdrantIndex) -> str:
    """The patches' collection for who only reads: without the Earth-observation model, the one that holds one's
    vectors. Raises as `posts_or_what_is_there` does."""
    try:
        return patches_of(settings).name
    except ModelUnavailable:
        shape = patches_collection(
            settings.qdrant.collection_prefix, PATCH_DESCRIPTORS["sar"], PATCH_DESCRIPTORS["ms"]
        ).name
        fitting = [name for name in index.collections() if name.startswith(f"{shape}-")]
        if len(fitting) != 1:
            raise
        return fitting[0]


def picture_folder(settings: Imagery, scene_id: str) -> Path:
    """Where a scene's pictures lie; its id has characters that no folder should."""
    return settings.directory / "scenes" / hashlib.sha256(scene_id.encode()).hexdigest()[:24]


class IndexCollections:
    """The names of the index's collections for who only reads. The posts' name is found once: it does not change while
    a process runs."""

    def __init__(self, settings: Settings, index: QdrantIndex) -> None:
        self._settings, self._index = settings, index

    @cached_property
    def posts(self) -> str:
        """Raises as `posts_or_what_is_there` does."""
        return posts_or_what_is_there(self._settings, self._index)

    @property
    def patches(self) -> str:
        """Raises as `patches_or_what_is_there` does."""
        return patches_or_what_is_there(self._settings, self._index)


def open_query_encoder(settings: Settings) -> QueryEncoder:
    """The models of searches; a missing one stands there as the error that says why."""
    text_model = _opened_or_error(open_text_encoder, settings)
    visual_model = _opened_or_error(open_visual_model, settings)
    descriptors = _opened_or_error(patch_descriptors_of, settings)
    patch_descriptors = PATCH_DESCRIPTORS if isinstance(descriptors, ModelUnavailable) else descriptors
    return QueryEncoder(text_model, visual_model, concept_list(), patch_descriptors)


def _opened_or_error(open_model: Callable[[Settings], Model], settings: Settings) -> Model | ModelUnavailable:
    try:
        return open_model(settings)
    except ModelUnavailable as error:
        log.warning("searches go on without a model", reason=str(error))
        return error


def learned_fusion() -> LearnedFusion | None:
    """The weights of the adaptive fusions; None where there are none."""
    try:
        return LearnedFusion.load(FUSION_FILE)
    except ModelUnavailable as error:
        log.warning("adaptive fusion is not offered", reason=str(error))
        return None
