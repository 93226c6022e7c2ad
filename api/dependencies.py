"""What the routes work with; made once, when the process starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from api.annotation_log import AnnotationLog
from api.paging import RecentSearches
from api.saved_search_log import SavedSearchLog
from stormpetrel.bootstrap import (
    FUSION_FILE,
    PATCH_DESCRIPTORS,
    concept_list,
    label_catalogue,
    open_gazetteer,
    open_geoparser,
    open_index,
    open_text_encoder,
    open_visual_model,
    patch_embeddings,
    readable_patch_collection,
    readable_post_collection,
    relevance_prior,
)
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import MODELS_UPDATED
from stormpetrel.fusion.adaptive import LearnedFusion
from stormpetrel.learning.active.embedding_cache import EmbeddingCache
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.log import TopicView
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.posts.vision.concepts import ConceptList
from stormpetrel.posts.vision.model import VisualModel
from stormpetrel.search import PostSearch
from stormpetrel.search.cross_source import CrossSourceSearch
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex

log = structlog.get_logger()


@dataclass
class Services:
    """Stores, models and searches of the API process. A model that is missing stands as the error that tells why:
    its modality is silent, and the others serve."""

    settings: Settings
    documents: MongoStore
    vectors: QdrantIndex
    encoder: TextEncoder | ModelUnavailable
    visual: VisualModel | ModelUnavailable
    concepts: ConceptList
    learned: LearnedFusion | None
    saved_searches: SavedSearchLog
    annotations: AnnotationLog
    prior: Prior | None
    # (version, dimensions) of every vector of a patch, by its name.
    patch_descriptors: dict[str, EmbeddingSpec]
    embedding_cache: EmbeddingCache
    models: Scorer
    models_view: TopicView
    producer: KafkaProducer
    recent: RecentSearches = field(default_factory=RecentSearches)
    # One question at a time in each model: it uses all its threads for one.
    encoding: threading.Lock = field(default_factory=threading.Lock)
    seeing: threading.Lock = field(default_factory=threading.Lock)
    finding: threading.Lock = field(default_factory=threading.Lock)
    listeners: int = 0
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, thread_name_prefix="counts"))
    stopping: Callable[[], bool] = lambda: False
    _collection: str | None = None
    _places: tuple[Geoparser, str] | None = None

    @classmethod
    def connect(cls, settings: Settings) -> Services:
        """Loads the models and opens the stores; none of them needs to answer yet (`/readyz` tells)."""
        documents = MongoStore(settings.mongo.url, settings.mongo.database)
        encoder: TextEncoder | ModelUnavailable
        visual: VisualModel | ModelUnavailable
        try:
            encoder = open_text_encoder(settings)
        except ModelUnavailable as error:
            log.warning("searches go on without the text model", reason=str(error))
            encoder = error
        try:
            visual = open_visual_model(settings)
        except ModelUnavailable as error:
            log.warning("searches go on without the visual model", reason=str(error))
            visual = error
        try:
            learned = LearnedFusion.load(FUSION_FILE)
        except ModelUnavailable as error:
            log.warning("adaptive fusion is not offered", reason=str(error))
            learned = None
        try:
            patch_descriptors = patch_embeddings(settings)
        except ModelUnavailable as error:
            log.warning("searches go on without the Earth-observation model", reason=str(error))
            patch_descriptors = PATCH_DESCRIPTORS
        vectors, models = open_index(settings), Scorer()
        reader, producer = KafkaTopicReader(settings.kafka), KafkaProducer(settings.kafka)
        return cls(
            settings,
            documents,
            vectors,
            encoder,
            visual,
            concept_list(),
            learned,
            SavedSearchLog(reader, producer),
            AnnotationLog(reader, producer, label_catalogue()),
            relevance_prior(settings),
            patch_descriptors,
            EmbeddingCache(vectors),
            models,
            TopicView(reader, MODELS_UPDATED, models.take).start(),
            producer,
        )

    @property
    def collection(self) -> str:
        """The posts' collection. Raises ModelUnavailable where without a model it cannot be told which it is."""
        if self._collection is None:
            self._collection = readable_post_collection(self.settings, self.vectors)
        return self._collection

    @property
    def patches(self) -> str:
        """The patches' collection."""
        return readable_patch_collection(self.settings, self.vectors)

    def geoparser(self) -> tuple[Geoparser, str]:
        """(the finder of places, the gazetteer's version); opened with the first request, since it weighs 100 MiB.
        Raises ModelUnavailable."""
        with self.finding:
            if self._places is None:
                self._places = open_geoparser(self.settings), open_gazetteer(self.settings).version
            return self._places

    @property
    def search(self) -> PostSearch:
        return PostSearch(self.vectors, self.collection, self.learned)

    @property
    def sources(self) -> CrossSourceSearch:
        return CrossSourceSearch(self.search, self.vectors, self.patches, self.documents)

    def close(self) -> None:
        self.saved_searches.close()
        self.annotations.close()
        self.models_view.close()
        self.threads.shutdown(wait=False)
        self.documents.close()
        self.vectors.close()
