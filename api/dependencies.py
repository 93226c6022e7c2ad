"""What the routes work with: opened once, when the process starts, and closed once, when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import HTTPConnection

from api.annotation_log import AnnotationLog
from api.event_writer import EventWriter
from api.listening import Listeners
from api.saved_search_log import SavedSearchLog
from stormpetrel.bootstrap import (
    IndexCollections,
    label_catalogue,
    learned_fusion,
    open_gazetteer,
    open_geoparser,
    open_index,
    open_query_encoder,
    picture_folder,
    relevance_prior,
)
from stormpetrel.core.settings import Settings
from stormpetrel.learning.active.embedding_cache import EmbeddingCache
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.log.kafka import Publisher
from stormpetrel.log.model_log import ModelLog
from stormpetrel.search.imagery import ImageryCatalogue
from stormpetrel.search.place_resolution import PlaceResolution
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.saved_search_register import SavedSearchRegister
from stormpetrel.search.searcher import Searcher
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex


@dataclass(frozen=True)
class Search:
    """The dependency of the routes that search."""

    searcher: Searcher
    saved_searches: SavedSearchRegister
    listeners: Listeners
    places: PlaceResolution


@dataclass(frozen=True)
class Imagery:
    """The dependency of the routes on scenes, patches and catalogues."""

    catalogue: ImageryCatalogue
    writer: EventWriter
    push_secret: str | None


@dataclass(frozen=True)
class ApiResources:
    """Everything that is opened once for a process; the dependencies are made from it."""

    settings: Settings
    documents: MongoStore
    vectors: QdrantIndex
    collections: IndexCollections
    encoder: QueryEncoder
    writer: EventWriter
    saved_search_log: SavedSearchLog
    annotation_log: AnnotationLog
    prior: Prior | None
    scorer: Scorer
    model_log: ModelLog
    embedding_cache: EmbeddingCache
    search: Search
    imagery: Imagery
    threads: ThreadPoolExecutor = field(repr=False)

    @classmethod
    def open(cls, settings: Settings) -> ApiResources:
        """Loads the models and opens the stores; none of the stores needs to answer yet (`/readyz` tells)."""
        documents, vectors = MongoStore(settings.mongo.url, settings.mongo.database), open_index(settings)
        collections, encoder = IndexCollections(settings, vectors), open_query_encoder(settings)
        threads = ThreadPoolExecutor(8, thread_name_prefix="search")
        searcher = Searcher(
            vectors, documents, collections, encoder, learned_fusion(), settings.api.list_depth, threads
        )
        writer, scorer = EventWriter(Publisher(settings.kafka.bootstrap)), Scorer()
        saved_search_log = SavedSearchLog(settings.kafka.bootstrap, writer.write_saved_search)
        places = PlaceResolution(lambda: (open_geoparser(settings), open_gazetteer(settings).version))
        catalogue = ImageryCatalogue(documents, vectors, collections, partial(picture_folder, settings.imagery))
        return cls(
            settings=settings,
            documents=documents,
            vectors=vectors,
            collections=collections,
            encoder=encoder,
            writer=writer,
            saved_search_log=saved_search_log,
            annotation_log=AnnotationLog(settings.kafka.bootstrap, label_catalogue()),
            prior=relevance_prior(settings),
            scorer=scorer,
            model_log=ModelLog(settings.kafka.bootstrap, scorer.take),
            embedding_cache=EmbeddingCache(vectors),
            search=Search(searcher, saved_search_log.register, Listeners(), places),
            imagery=Imagery(catalogue, writer, settings.catalogue.secret),
            threads=threads,
        )

    def close(self) -> None:
        self.saved_search_log.close()
        self.annotation_log.close()
        self.model_log.close()
        self.threads.shutdown(wait=False)
        self.documents.close()
        self.vectors.close()


def resources(connection: HTTPConnection) -> ApiResources:
    """The resources of this process."""
    opened: ApiResources = connection.app.state.resources
    return opened


def search(connection: HTTPConnection) -> Search:
    """Searches, saved searches, and places in texts."""
    return resources(connection).search


def imagery(connection: HTTPConnection) -> Imagery:
    """Scenes and patches, and notifications of new products."""
    return resources(connection).imagery
