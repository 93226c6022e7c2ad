"""What the routes work with; made once, when the process starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from api.paging import RecentSearches
from stormpetrel.search import PostSearch
from stormpetrel.settings import Settings
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex, posts_collection
from stormpetrel.text.encoder import TextEncoder


@dataclass
class Services:
    """Stores, model and searches of the API process."""

    settings: Settings
    documents: MongoStore
    vectors: QdrantIndex
    collection: str
    encoder: TextEncoder
    search: PostSearch
    recent: RecentSearches = field(default_factory=RecentSearches)

    @classmethod
    def connect(cls, settings: Settings, model_directory: Path) -> Services:
        """Loads the model and opens the stores; none of them needs to answer yet (`/readyz` tells)."""
        encoder = TextEncoder(model_directory, settings.text_model.batch_size, settings.text_model.threads)
        documents = MongoStore(settings.mongo.url, settings.mongo.database)
        vectors = QdrantIndex(settings.qdrant.url, settings.qdrant.api_key, settings.qdrant.timeout_s)
        name = posts_collection(settings.qdrant.collection_prefix, encoder.manifest.model, encoder.dimensions).name
        return cls(settings, documents, vectors, name, encoder, PostSearch(vectors, name))

    def close(self) -> None:
        self.documents.close()
        self.vectors.close()
