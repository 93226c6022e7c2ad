"""Puts together, from settings, what reads and writes the stores: the index, projections, what judges indexed items."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from stormpetrel.bootstrap import PATCH_DESCRIPTORS, patch_embeddings, post_embeddings
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.core.ports import DocumentStore, DocumentWriter, NamedVectorWriter
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import (
    INCIDENTS,
    ITEMS_LABELLED,
    PATCHES_DESCRIBED,
    POSTS_ENRICHED,
    POSTS_PHOTOS,
    PRODUCTS_ANNOUNCED,
    Topic,
)
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.inference.judgement import Judge
from stormpetrel.learning.inference.judging import Judging
from stormpetrel.learning.inference.patch_rankers import PatchRankers
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.trainer import TRAINING_VECTOR
from stormpetrel.projections import (
    IncidentProjection,
    PatchProjection,
    PhotoProjection,
    PostProjection,
    PredictionProjection,
    ProductProjection,
    Projection,
)
from stormpetrel.stores.collections import VectorCollection, patches_collection, photos_collection, posts_collection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex


def open_index(settings: Settings) -> QdrantIndex:
    """The vector index; it need not answer yet."""
    return QdrantIndex.of(settings.qdrant)


def post_collection(settings: Settings) -> VectorCollection:
    """The posts' collection of the configured models. Raises ModelUnavailable where one is not in the cache."""
    text, visual = post_embeddings(settings)
    return posts_collection(settings.qdrant.collection_prefix, text, (settings.visual_model.name, visual.dimensions))


def photo_collection(settings: Settings) -> VectorCollection:
    """The collection of photos by their perceptual hashes."""
    return photos_collection(settings.qdrant.collection_prefix)


def patch_collection(settings: Settings) -> VectorCollection:
    """The patches' collection of what describes them. Raises ModelUnavailable as `patch_embeddings` does."""
    specs = patch_embeddings(settings)
    return patches_collection(settings.qdrant.collection_prefix, specs["sar"], specs["ms"], specs.get("earth"))


def migrate_stores(settings: Settings, documents: MongoStore, vectors: QdrantIndex) -> None:
    """Makes the collections and indexes that are missing in both stores; safe to repeat, and by several at once."""
    documents.migrate(settings.retention.posts_days)
    vectors.migrate(post_collection(settings))
    vectors.migrate(patch_collection(settings))
    vectors.migrate(photo_collection(settings))


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
