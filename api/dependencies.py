"""What the routes work with: opened once, when the process starts, and closed once, when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from stormpetrel.log.kafka import Publisher
from stormpetrel.log.model_log import ModelLog
from stormpetrel.search.imagery import ImageryCatalogue
from stormpetrel.search.place_resolution import PlaceResolution
from stormpetrel.search.saved_search_register import SavedSearchRegister
from stormpetrel.search.searcher import Searcher
from stormpetrel.stores.mongo import MongoStore


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


class ApiResources:
    """Everything that is opened once for a process; the dependencies are made from it.

    None of the stores needs to answer yet (`/readyz` tells); a model that is missing costs its modalities only.
    """

    def __init__(self, settings: Settings) -> None:
        bootstrap = settings.kafka.bootstrap
        self.settings = settings
        self.documents = MongoStore(settings.mongo.url, settings.mongo.database)
        self.vectors = open_index(settings)
        self.collections = IndexCollections(settings, self.vectors)
        self.encoder = open_query_encoder(settings)
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="search")
        self.writer = EventWriter(Publisher(bootstrap))
        self.saved_search_log = SavedSearchLog(bootstrap, self.writer.write_saved_search)
        self.annotation_log = AnnotationLog(bootstrap, label_catalogue())
        self.prior = relevance_prior(settings)
        self.scorer = Scorer()
        self.model_log = ModelLog(bootstrap, self.scorer.take)
        self.embedding_cache = EmbeddingCache(self.vectors)
        stores = (self.vectors, self.documents, self.collections)
        searcher = Searcher(*stores, self.encoder, learned_fusion(), settings.api.list_depth, self.threads)
        places = PlaceResolution(lambda: (open_geoparser(settings), open_gazetteer(settings).version))
        self.search = Search(searcher, self.saved_search_log.register, Listeners(), places)
        catalogue = ImageryCatalogue(*stores, partial(picture_folder, settings.imagery))
        self.imagery = Imagery(catalogue, self.writer, settings.catalogue.secret)

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
