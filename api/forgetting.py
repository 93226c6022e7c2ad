"""What the route that forgets works with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from stormpetrel.core.ports import PhotoStore, SearchableDocuments, SearchableVectors
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import all_topics
from stormpetrel.forgetting import Forgetting, Stores, Wanted
from stormpetrel.log import TopicReader
from stormpetrel.log.admin import topic_as_set
from stormpetrel.log.deletion import delete_records
from stormpetrel.log.producer import RecordProducer
from stormpetrel.search.documents import CollectionNames
from stormpetrel.store_bootstrap import photo_collection
from stormpetrel.stores.author_key import open_pseudonyms


class ForgettingResources:
    """Opened once for a process; the stores need not answer yet."""

    def __init__(
        self,
        settings: Settings,
        log: tuple[TopicReader, RecordProducer],
        stores: tuple[SearchableDocuments, SearchableVectors, CollectionNames],
        open_photos: Callable[[], PhotoStore],
    ) -> None:
        self._settings, (self._reader, self._producer) = settings, log
        self._documents, self._vectors, self._collections = stores
        self._open_photos = open_photos
        self.pseudonyms = open_pseudonyms(settings)

    @property
    def forgetting(self) -> Forgetting:
        """Raises ModelUnavailable or StoreUnavailable where the name of the posts' collection is not known, SetupError
        where photos cannot be reached."""
        posts, points = self._collections.posts, photo_collection(self._settings).name
        collections = [posts, self._collections.patches, points]
        stores = Stores(self._documents, self._vectors, self._open_photos(), posts, points, collections)
        delete = partial(delete_records, self._settings.kafka)
        return Forgetting(self._reader, self._producer, stores, self.pseudonyms, delete)

    def left(self, looked_for: Wanted) -> dict[str, Any]:
        """What is left in this process's reach, as the answer has it; the snapshots of other machines are not."""
        topics = [topic_as_set(self._settings.kafka, topic) for topic in all_topics()]
        return self.forgetting.prove(looked_for, topics).fields()
