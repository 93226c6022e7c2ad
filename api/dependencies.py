"""What the routes work with; made once, when the process starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from fastapi import Request

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
    patch_descriptors_of,
    patches_or_what_is_there,
    posts_or_what_is_there,
    relevance_prior,
)
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.events import Event, encode
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import Topic
from stormpetrel.fusion.adaptive import LearnedFusion
from stormpetrel.learning.active.embedding_cache import EmbeddingCache
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.log.kafka import Publisher, dead_letter_headers
from stormpetrel.log.model_log import ModelLog
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
    patch_descriptors: dict[str, tuple[str, int]]
    embedding_cache: EmbeddingCache
    models: Scorer
    models_log: ModelLog
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
            patch_descriptors = patch_descriptors_of(settings)
        except ModelUnavailable as error:
            log.warning("searches go on without the Earth-observation model", reason=str(error))
            patch_descriptors = PATCH_DESCRIPTORS
        vectors, models = open_index(settings), Scorer()
        return cls(
            settings,
            documents,
            vectors,
            encoder,
            visual,
            concept_list(),
            learned,
            SavedSearchLog(settings.kafka.bootstrap),
            AnnotationLog(settings.kafka.bootstrap, label_catalogue()),
            relevance_prior(settings),
            patch_descriptors,
            EmbeddingCache(vectors),
            models,
            ModelLog(settings.kafka.bootstrap, models.take),
        )

    @property
    def collection(self) -> str:
        """The posts' collection. Raises ModelUnavailable where without a model it cannot be told which it is."""
        if self._collection is None:
            self._collection = posts_or_what_is_there(self.settings, self.vectors)
        return self._collection

    @property
    def patches(self) -> str:
        """The patches' collection."""
        return patches_or_what_is_there(self.settings, self.vectors)

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

    @cached_property
    def producer(self) -> _Producer:
        return _Producer(self.settings.kafka.bootstrap)

    def close(self) -> None:
        self.saved_searches.close()
        self.annotations.close()
        self.models_log.close()
        self.threads.shutdown(wait=False)
        self.documents.close()
        self.vectors.close()


class _Producer:
    """The port that use cases publish with, over Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._publisher = Publisher(bootstrap)

    def publish(self, topic: Topic, key: str, event: Event, trace: str | None = None) -> None:
        self._publisher.publish(topic.name, key, event, encode(event), trace)

    def dead_letter(self, topic: Topic, raw: bytes, reason: str, stage: str, provenance: str) -> None:
        self._publisher.dead_letter(topic.name, raw, dead_letter_headers(reason, stage, provenance))

    def flush(self, timeout_s: float = 60.0) -> None:
        self._publisher.flush(timeout_s)


def annotations_of(request: Request) -> Annotations:
    """What annotating needs."""
    services: Services = request.app.state.services
    return Annotations(
        services.annotations.journal,
        services.documents,
        services.vectors,
        lambda kind: services.collection if kind == "posts" else services.patches,
    )


def models(request: Request) -> LabelModels:
    """What the use cases of label models need."""
    from api.cross_source import across_worlds
    from api.query_builder import encoded
    from api.schemas.requests import SearchRequest

    services: Services = request.app.state.services

    def patches_of_text(text: str) -> list[str]:
        answer = across_worlds(SearchRequest(text=text, sources=["posts", "patches"], limit=20), services)
        return [member.id for hit in answer.hits for member in hit.members if member.kind == "patch"]

    return LabelModels(
        annotations_of(request),
        services.embedding_cache,
        services.prior,
        services.models,
        services.producer,
        lambda text: encoded(text, services),
        patches_of_text,
    )
