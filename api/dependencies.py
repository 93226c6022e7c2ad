"""What the routes work with: opened once, when the process starts, and closed once, when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, NamedTuple, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.access import AccessResources
from api.alerting import AlertingResources
from api.class_maps import ClassMaps
from api.forgetting import ForgettingResources
from api.listening import Listeners
from api.match_history import MatchesOnLog
from api.tile_drawing import TileDrawing
from stormpetrel.access.access import Access
from stormpetrel.alerting.register import AlertingRegister
from stormpetrel.bootstrap import (
    label_catalogue,
    open_gazetteer,
    open_geoparser,
    open_query_encoder,
    picture_folder,
    vector_dimensions,
)
from stormpetrel.core.events import Forgotten, annotation_key
from stormpetrel.core.ids import ItemKind
from stormpetrel.core.ports import (
    EventProducer,
    PayloadCounter,
    PhotoStore,
    SearchableDocuments,
    SearchableVectors,
    VectorReader,
    VectorScanner,
)
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ANNOTATIONS, FORGOTTEN, KEYS, MODELS_UPDATED, POSTS_MATCHED, SAVED_SEARCHES
from stormpetrel.dead_letter_queue import DeadLetterQueue
from stormpetrel.learned_files import learned_ranking, relevance_prior
from stormpetrel.learning.active.embedding_cache import EmbeddingCache
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.annotations.annotation_journal import AnnotationEvent, AnnotationJournal
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.log import TopicView
from stormpetrel.log.deletion import delete_records
from stormpetrel.log.producer import KafkaProducer, RecordProducer
from stormpetrel.log.topic_reader import KafkaTopicReader, TopicReader
from stormpetrel.posts.forgotten import ForgottenRegister
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.search.documents import CollectionNames
from stormpetrel.search.imagery import ImageryCatalogue
from stormpetrel.search.incident_listing import IncidentListing
from stormpetrel.search.item_search import ItemSearch
from stormpetrel.search.matched_posts import MatchedPosts
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.place_resolution import PlaceResolution
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.recent_matches import RecentMatches
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.saved_search_feed import SavedSearchFeeds
from stormpetrel.search.saved_search_register import SavedSearchRegister
from stormpetrel.search.scene_tiles import SceneTiles
from stormpetrel.search.searcher import Searcher
from stormpetrel.store_bootstrap import IndexCollections, open_index
from stormpetrel.stores.author_key import open_pseudonyms
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.photo_objects import PhotoObjects

MATCHES_READ = 5_000  # of each partition, when a process starts; older ones are read where a listener asks for them


class Connected(Protocol):
    """A store's connection."""

    def ping(self) -> None:
        """Raises StoreUnavailable."""

    def close(self) -> None: ...


class Documents(SearchableDocuments, Connected, Protocol):
    """Documents, and their server's connection."""


class Vectors(VectorReader, VectorScanner, PayloadCounter, SearchableVectors, Connected, Protocol):
    """The vector index, and its server's connection."""


@dataclass(frozen=True)
class Search:
    """The dependency of the routes that search."""

    searcher: Searcher
    saved_searches: SavedSearchRegister
    listeners: Listeners
    feeds: SavedSearchFeeds
    places: PlaceResolution


@dataclass(frozen=True)
class Imagery:
    """The dependency of the routes on scenes, patches and catalogues."""

    catalogue: ImageryCatalogue
    items: ItemSearch
    producer: EventProducer


class Log(NamedTuple):
    """The log as this process reads and writes it."""

    reader: TopicReader
    producer: RecordProducer


class Stores(NamedTuple):
    """Both stores; `collections` names what is searched of the index."""

    documents: Documents
    vectors: Vectors
    collections: CollectionNames


class ApiResources:
    """Everything that is opened once for a process; the dependencies are made from it.

    None of the stores needs to answer yet (`/readyz` tells); a model that is missing costs its modalities only.
    """

    @classmethod
    def open(cls, settings: Settings) -> ApiResources:
        """On the broker, the stores and the models that the settings name."""
        vectors = open_index(settings)
        stores = Stores(MongoStore.of(settings.mongo), vectors, IndexCollections(settings, vectors))
        log = Log(KafkaTopicReader(settings.kafka), KafkaProducer(settings.kafka))
        places = PlaceResolution(lambda: (open_geoparser(settings), open_gazetteer(settings).version))
        return cls(
            settings, log, stores, open_query_encoder(settings), places, PlaceNames(partial(open_gazetteer, settings))
        )

    def __init__(
        self,
        settings: Settings,
        log: Log,
        stores: Stores,
        encoder: QueryEncoder,
        places: PlaceResolution,
        names: PlaceNames,
    ) -> None:
        reader, self.producer = log
        self.settings = settings
        self.access_resources = AccessResources(settings, reader, self.producer)
        self.documents, self.vectors, self.collections = stores
        self.encoder = encoder
        self.threads = ThreadPoolExecutor(8, thread_name_prefix="search")
        matches = RecentMatches(settings.matching.kept, MatchesOnLog(reader))
        saved_searches = SavedSearchRegister(
            write=lambda event: self.saved_search_view.write([(event.saved_search_id, event)]),
            wait_until_read=lambda: self.saved_search_view.wait_until_caught_up(),
            on_delete=matches.forget,
        )
        self.saved_search_view = TopicView(reader, SAVED_SEARCHES, saved_searches.apply, self.producer).start()
        pseudonyms = open_pseudonyms(settings)
        self.publisher = PostPublisher(self.producer, "team", pseudonyms=pseudonyms)
        self.forgotten = ForgottenRegister(pseudonyms)
        self.forgotten_view = TopicView(reader, FORGOTTEN, partial(self._forget, matches), self.producer).start()
        self.match_view = TopicView(reader, POSTS_MATCHED, matches.apply, self.producer, MATCHES_READ).start()
        journal = AnnotationJournal(
            label_catalogue(), self._write_annotations, lambda: self.annotation_view.wait_until_caught_up()
        )
        self.annotation_view = TopicView(reader, ANNOTATIONS, journal.apply, self.producer).start()
        self.alerting_resources = AlertingResources(settings.alerting, reader, self.producer)
        delete = partial(delete_records, settings.kafka)
        self.dead_letters = DeadLetterQueue(reader, self.producer, delete, partial(open_pseudonyms, settings))
        scorer = Scorer()
        self.model_view = TopicView(reader, MODELS_UPDATED, scorer.take, self.producer).start()
        views = (self.vectors, self.documents, self.collections)
        depth, labels = settings.api.list_depth, partial(self._labels_with_a_model, scorer)
        learned = learned_ranking(self.encoder.version("text"))
        searcher = Searcher(*views, self.encoder, learned, depth, self.threads, names, labels)
        feeds = SavedSearchFeeds(searcher, matches, MatchedPosts(searcher.documents_and_counts))
        self.search = Search(searcher, saved_searches, Listeners(), feeds, places)
        catalogue = ImageryCatalogue(*views, partial(picture_folder, settings.imagery))
        self.imagery = Imagery(catalogue, ItemSearch(*views), self.producer)
        scenes = SceneTiles(self.documents, catalogue.picture_folder, 1e6 * settings.api.tile_cache_mb)
        self.class_maps = ClassMaps()
        self.tiles = TileDrawing(scenes, settings.api.tile_threads)
        self.incidents = IncidentListing(self.documents, names)
        dimensions_of = partial(vector_dimensions, settings)
        stored, is_forgotten = (self.documents, self.vectors), self.forgotten.has_post
        self.annotations = Annotations(journal, *stored, self._index_of, dimensions_of, is_forgotten)
        prior, texts = relevance_prior(settings), self.encoder.text
        cache = EmbeddingCache(self.vectors)
        self.forgetting = ForgettingResources(settings, log, stores, lambda: self.photos)
        self.models = LabelModels(self.annotations, cache, prior, scorer, self.producer, texts, self._patches_of_text)

    def _forget(self, matches: RecentMatches, event: Forgotten) -> None:
        self.forgotten.apply(event)
        matches.forget_posts(self.forgotten.has_post)

    @property
    def views(self) -> dict[str, TopicView]:
        """The topics that this process follows, by name."""
        return {
            KEYS.name: self.access_resources.view,
            FORGOTTEN.name: self.forgotten_view,
            SAVED_SEARCHES.name: self.saved_search_view,
            POSTS_MATCHED.name: self.match_view,
            ANNOTATIONS.name: self.annotation_view,
            MODELS_UPDATED.name: self.model_view,
            **self.alerting_resources.views,
        }

    def _write_annotations(self, events: Sequence[AnnotationEvent]) -> None:
        self.annotation_view.write([(annotation_key(event), event) for event in events])

    def _labels_with_a_model(self, scorer: Scorer) -> list[str]:
        # A process that has just started must not deny what stands on the log.
        self.model_view.wait_until_caught_up()
        return [model.model_id for model in scorer.models()]

    def _index_of(self, kind: ItemKind) -> str:
        return self.collections.posts if kind == "posts" else self.collections.patches

    def _patches_of_text(self, text: str) -> list[str]:
        """The patches where and when posts write of a text, the best first."""
        answer = self.search.searcher.answer(SearchRequest(text=text, sources=["posts", "patches"], limit=20))
        return [member.id for hit in answer.hits for member in hit.members if member.kind == "patch"]

    @cached_property
    def photos(self) -> PhotoStore:
        """Where photos of posts are kept. Raises SetupError."""
        return PhotoObjects.of(self.settings.photos)

    @property
    def alerting(self) -> AlertingRegister:
        """Who is told of incidents."""
        return self.alerting_resources.register

    @property
    def access(self) -> Access:
        """Who may what."""
        return self.access_resources.access

    def close(self) -> None:
        self.access_resources.close()
        for view in self.views.values():
            view.close()
        self.search.listeners.close()
        self.threads.shutdown(wait=False)
        self.tiles.close()
        self.documents.close()
        self.vectors.close()


def _resource(name: str) -> Any:
    """A dependency: one attribute of this process's resources. A coroutine, since to read it takes no thread."""

    async def resource(connection: HTTPConnection) -> Any:
        return getattr(connection.app.state.resources, name)

    return Depends(resource)


SearchDependency = Annotated[Search, _resource("search")]  # searches, saved searches, and places in texts
ImageryDependency = Annotated[Imagery, _resource("imagery")]  # scenes and patches, and notifications of new products
ClassMapsDependency = Annotated[ClassMaps, _resource("class_maps")]  # classification maps made lately
TilesDependency = Annotated[TileDrawing, _resource("tiles")]  # map tiles of scenes
IncidentsDependency = Annotated[IncidentListing, _resource("incidents")]  # incidents, one or listed
AnnotationsDependency = Annotated[Annotations, _resource("annotations")]  # annotations, labels and their exchange
PhotosDependency = Annotated[PhotoStore, _resource("photos")]  # photos of posts, by their hash
DeadLettersDependency = Annotated[DeadLetterQueue, _resource("dead_letters")]  # what could not be processed
ForgettingDependency = Annotated[ForgettingResources, _resource("forgetting")]  # people's right to be forgotten
ModelsDependency = Annotated[LabelModels, _resource("models")]  # rounds, validation, predictions and maps of labels
PublisherDependency = Annotated[PostPublisher, _resource("publisher")]  # a team's own reports go through it to the log
AlertingDependency = Annotated[AlertingRegister, _resource("alerting")]  # rules, silences, actions and alerts
