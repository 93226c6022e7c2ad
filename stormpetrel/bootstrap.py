"""Puts parts together from settings: what several entry points need, made in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache, cached_property, partial
from pathlib import Path

from stormpetrel.core.embedding_spec import EmbeddingSpec, named_with
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.core.ports import DocumentStore, DocumentWriter, NamedVectorWriter
from stormpetrel.core.settings import CONFIG_DIRECTORY, Imagery, Settings
from stormpetrel.core.topics import (
    INCIDENTS,
    ITEMS_LABELLED,
    PATCHES_DESCRIBED,
    POSTS_ENRICHED,
    POSTS_PHOTOS,
    PRODUCTS_ANNOUNCED,
    Topic,
)
from stormpetrel.imagery.patches import descriptors
from stormpetrel.imagery.patches.earth_model import read_earth_manifest
from stormpetrel.learned_files import opened_or_error
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.label_catalogue import Catalogue, read_catalogue
from stormpetrel.learning.inference.judgement import Judge
from stormpetrel.learning.inference.judging import Judging
from stormpetrel.learning.inference.patch_rankers import PatchRankers
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.trainer import TRAINING_VECTOR
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.gloss.build import ensure_lexicon, gloss_version
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.gloss.lexicon import Lexicon
from stormpetrel.posts.gloss.tables import read_tables
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.text.encoder import TextEncoder, read_manifest
from stormpetrel.posts.vision.clip import ClipModel, read_clip_manifest
from stormpetrel.posts.vision.concepts import ConceptList, read_concepts
from stormpetrel.posts.vision.descriptor import DIMENSIONS, VERSION
from stormpetrel.posts.vision.model import DESCRIPTOR, DescriptorModel, VisualModel
from stormpetrel.posts.vision.prompts import Prompts, read_prompts
from stormpetrel.process.metrics import model_in_use
from stormpetrel.projections import (
    IncidentProjection,
    PatchProjection,
    PhotoProjection,
    PostProjection,
    PredictionProjection,
    ProductProjection,
    Projection,
)
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.stores.collections import VectorCollection, patches_collection, photos_collection, posts_collection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex

CONCEPTS_FILE = CONFIG_DIRECTORY / "concepts.yaml"
FLOOD_PROMPTS_FILE = CONFIG_DIRECTORY / "flood_prompts.yaml"
LABELS_FILE = CONFIG_DIRECTORY / "labels.yaml"
TAGGER = CONFIG_DIRECTORY / "places_tagger"
LEXICON = CONFIG_DIRECTORY / "lexicon"


def concept_list() -> ConceptList:
    """The concepts of `config/concepts.yaml`."""
    return read_concepts(CONCEPTS_FILE)


def photo_prompts() -> Prompts:
    """What a CLIP model is asked about photos: `config/concepts.yaml` and `config/flood_prompts.yaml`."""
    return read_prompts(FLOOD_PROMPTS_FILE, concept_list())


def label_catalogue() -> Catalogue:
    """The semantic catalogue of `config/labels.yaml`."""
    return read_catalogue(LABELS_FILE)


def open_text_encoder(settings: Settings) -> TextEncoder:
    """Raises ModelUnavailable where the configured model is not in the cache."""
    directory = model_directory(settings.models, settings.text_model.name)
    pivot = open_glosser(settings) if read_manifest(directory).knows_english_alone else None
    model = settings.text_model
    encoder = TextEncoder(directory, model.batch_size, model.threads, pivot, settings.inference.runtime)
    model_in_use("text", encoder.version, encoder.runtime)
    return encoder


def open_glosser(settings: Settings) -> Glosser:
    """What glosses texts, by the word lists of the project and of the user; made first, in a process of its own, where
    their forms are not there yet. Raises SetupError where a table is at fault."""
    return _glosser(settings.cache, settings.lexicon.directory)


@cache
def _glosser(cache_directory: Path, user_tables: Path) -> Glosser:
    return Glosser(Lexicon(ensure_lexicon(cache_directory, LEXICON, user_tables)))


def open_visual_model(settings: Settings) -> VisualModel:
    """Raises ModelUnavailable where the configured model is CLIP and not in the cache."""
    if settings.visual_model.name == DESCRIPTOR:
        model = DescriptorModel(concept_list())
        model_in_use("visual", model.version)
        return model
    directory = model_directory(settings.models, settings.visual_model.name)
    clip = ClipModel(directory, settings.visual_model.threads, settings.inference.runtime)
    model_in_use("visual", clip.version, clip.runtime)
    return clip


def open_index(settings: Settings) -> QdrantIndex:
    """The vector index; it need not answer yet."""
    return QdrantIndex.of(settings.qdrant)


def post_embeddings(settings: Settings) -> tuple[EmbeddingSpec, EmbeddingSpec]:
    """What makes a post's text vectors and its photos' vectors, in this order.

    Raises ModelUnavailable where a configured model is not in the cache.
    """
    text = read_manifest(model_directory(settings.models, settings.text_model.name))
    tables = read_tables(LEXICON, settings.lexicon.directory) if text.knows_english_alone else None
    text_model = named_with(text.model, gloss_version(tables) if tables else None)
    if settings.visual_model.name == DESCRIPTOR:
        visual = EmbeddingSpec(VERSION.split("@")[0], DIMENSIONS)
    else:
        clip = read_clip_manifest(model_directory(settings.models, settings.visual_model.name))
        visual = EmbeddingSpec(clip.model, clip.dimensions)
    return EmbeddingSpec(text_model, text.dimensions), visual


def post_collection(settings: Settings) -> VectorCollection:
    """The posts' collection of the configured models. Raises ModelUnavailable where one is not in the cache."""
    text, visual = post_embeddings(settings)
    return posts_collection(settings.qdrant.collection_prefix, text, (settings.visual_model.name, visual.dimensions))


# What describes patches in this release, by the vector's name.
PATCH_DESCRIPTORS = {
    "sar": EmbeddingSpec(descriptors.SAR_DESCRIPTOR, descriptors.SAR_DIMENSIONS),
    "ms": EmbeddingSpec(descriptors.MS_DESCRIPTOR, descriptors.MS_DIMENSIONS),
    "fused": EmbeddingSpec(descriptors.FUSED_DESCRIPTOR, descriptors.FUSED_DIMENSIONS),
}


def open_gazetteer(settings: Settings) -> Gazetteer:
    """The gazetteer of the settings; made first, in a process of its own, where it is not there yet."""
    gazetteer = Gazetteer(ensure_gazetteer(settings.cache, settings.places.gazetteer))
    model_in_use("gazetteer", gazetteer.version)
    return gazetteer


def open_geoparser(settings: Settings, *, learns: bool = False) -> Geoparser:
    """What finds places: the trained tagger over the gazetteer. Where it `learns`, the posts before speak for those
    after. Raises ModelUnavailable where there is no tagger."""
    gazetteer = open_gazetteer(settings)
    tagger = load_tagger(settings.places.tagger or TAGGER, gazetteer)
    recent = RecentPlaces(timedelta(hours=settings.places.recent_h)) if learns else None
    budget = partial(Budget, settings.places.searched_characters, settings.places.within_s)
    return Geoparser(gazetteer, PlaceRecogniser(gazetteer, tagger), recent, budget)


def patch_embeddings(settings: Settings) -> dict[str, EmbeddingSpec]:
    """What makes every vector of a patch, by its name; `earth` where an Earth-observation model is configured.

    Raises ModelUnavailable where that model is not whole.
    """
    if settings.imagery.earth_model is None:
        return PATCH_DESCRIPTORS
    earth = read_earth_manifest(settings.imagery.earth_model)
    return {**PATCH_DESCRIPTORS, "earth": EmbeddingSpec(earth.version, earth.dimensions)}


def vector_dimensions(settings: Settings, kind: ItemKind) -> dict[str, int]:
    """The dimensions of the vectors that posts or patches are annotated with, by their names; empty where a configured
    model is not in the cache."""
    try:
        if kind == "posts":
            return {"text": post_embeddings(settings)[0].dimensions}
        return {name: spec.dimensions for name, spec in patch_embeddings(settings).items()}
    except ModelUnavailable:
        return {}


def patch_collection(settings: Settings) -> VectorCollection:
    """The patches' collection of what describes them. Raises ModelUnavailable as `patch_embeddings` does."""
    specs = patch_embeddings(settings)
    return patches_collection(settings.qdrant.collection_prefix, specs["sar"], specs["ms"], specs.get("earth"))


def picture_folder(settings: Imagery, scene_id: str) -> Path:
    """Where a scene's pictures lie; its id has characters that no folder should."""
    return settings.directory / "scenes" / hashlib.sha256(scene_id.encode()).hexdigest()[:24]


def migrate_stores(settings: Settings, documents: MongoStore, vectors: QdrantIndex) -> None:
    """Makes the collections and indexes that are missing in both stores; safe to repeat, and by several at once."""
    documents.migrate(settings.retention.posts_days)
    vectors.migrate(post_collection(settings))
    vectors.migrate(patch_collection(settings))
    vectors.migrate(photo_collection(settings))


def photo_collection(settings: Settings) -> VectorCollection:
    """The collection of photos by their perceptual hashes."""
    return photos_collection(settings.qdrant.collection_prefix)


def index_projections(
    settings: Settings, documents: DocumentStore, vectors: NamedVectorWriter
) -> dict[Topic, Projection]:
    """What becomes of each topic in the stores. Raises ModelUnavailable where a configured model is missing."""
    posts, patches = post_collection(settings).name, patch_collection(settings).name
    photos, (text, visual) = photo_collection(settings).name, post_embeddings(settings)
    return {
        POSTS_ENRICHED: PostProjection(documents, vectors, posts, text, photos),
        POSTS_PHOTOS: PhotoProjection(documents, vectors, posts, photos, visual),
        ITEMS_LABELLED: PredictionProjection(documents),
        PRODUCTS_ANNOUNCED: ProductProjection(documents),
        PATCHES_DESCRIBED: PatchProjection(documents, vectors, patches, patch_embeddings(settings)),
        INCIDENTS: IncidentProjection(documents),
    }


def open_judging(
    settings: Settings,
    documents: DocumentWriter,
    vectors: QdrantIndex,
    scorer: Scorer,
    annotations_of: Callable[[Collection], AnnotationStore],
) -> Judging:
    """What judges the indexed items by the newest models. Raises ModelUnavailable where a configured model is
    missing."""
    text, fused = post_embeddings(settings)[0], PATCH_DESCRIPTORS[TRAINING_VECTOR["patches"]]
    specs: dict[ItemKind, EmbeddingSpec] = {"posts": text, "patches": fused}
    patches = patch_collection(settings).name
    judges: dict[ItemKind, Judge] = {
        "posts": Judge(vectors, post_collection(settings).name, TRAINING_VECTOR["posts"]),
        "patches": Judge(vectors, patches, TRAINING_VECTOR["patches"]),
    }
    window = timedelta(days=settings.index.judged_days) if settings.index.judged_days else None
    # A write may take as long as the index is waited for, and clocks of several machines differ a little.
    overlap = timedelta(seconds=settings.qdrant.timeout_s + 10)
    return Judging(scorer, judges, specs, PatchRankers(vectors, patches, annotations_of), documents, window, overlap)


class IndexCollections:
    """The names of the index's collections for who only reads. Without a model in the cache, it is the collection that
    the model's name fits: ModelUnavailable where none or several fit, StoreUnavailable where the index does not answer.
    The posts' name is found once: it does not change while a process runs."""

    def __init__(self, settings: Settings, index: QdrantIndex) -> None:
        self._settings, self._index = settings, index

    @cached_property
    def posts(self) -> str:
        names = self._settings.text_model.name, self._settings.visual_model.name
        pattern = posts_collection(self._settings.qdrant.collection_prefix, (names[0], 0), (names[1], 0)).name
        text, visual = pattern.removesuffix("-0").split("-0-", 1)
        return self._readable(post_collection, lambda name: name.startswith(f"{text}-") and f"-{visual}-" in name)

    @property
    def patches(self) -> str:
        sar, ms = PATCH_DESCRIPTORS["sar"], PATCH_DESCRIPTORS["ms"]
        pattern = patches_collection(self._settings.qdrant.collection_prefix, sar, ms).name
        return self._readable(patch_collection, lambda name: name.startswith(f"{pattern}-"))

    def _readable(self, configured: Callable[[Settings], VectorCollection], fits: Callable[[str], bool]) -> str:
        try:
            return configured(self._settings).name
        except ModelUnavailable:
            fitting = [name for name in self._index.collections() if fits(name)]
            if len(fitting) != 1:
                raise
            return fitting[0]


def open_query_encoder(settings: Settings) -> QueryEncoder:
    """The models of searches; a missing one stands there as the error that says why."""
    without = "searches go on without a model"
    text_model = opened_or_error(lambda: open_text_encoder(settings), without)
    visual_model = opened_or_error(lambda: open_visual_model(settings), without)
    specs = opened_or_error(lambda: patch_embeddings(settings), without)
    patch_specs = PATCH_DESCRIPTORS if isinstance(specs, ModelUnavailable) else specs
    return QueryEncoder(text_model, visual_model, concept_list(), patch_specs, open_glosser(settings))
