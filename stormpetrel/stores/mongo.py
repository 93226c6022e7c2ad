"""The document store: MongoDB, or the local stack's server on the same wire.

Only what every server does rightly: upserts by our own string `_id`, reads and deletes by ids. Queries by any other
field go to the vector index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import Document

LARGEST_BATCH = 500  # statements a command: more than this and some servers hang


@contextmanager
def _unavailable_on_failure(action: str) -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {action}: {error}") from error


class MongoStore:
    """A DocumentStore on a MongoDB server."""

    def __init__(self, url: str, database: str) -> None:
        self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
            url, serverSelectionTimeoutMS=3000, connectTimeoutMS=3000, tz_aware=True
        )
        self._database = self._client[database]

    def ping(self) -> None:
        with _unavailable_on_failure("ping"):
            self._client.admin.command("ping")

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        # The last of several with one id wins, as it would one by one.
        latest = list({document["_id"]: document for document in documents}.values())
        with _unavailable_on_failure(f"writing {len(latest)} to {collection}"):
            for start in range(0, len(latest), LARGEST_BATCH):
                batch: list[Any] = [
                    pymongo.ReplaceOne({"_id": document["_id"]}, document, upsert=True)
                    for document in latest[start : start + LARGEST_BATCH]
                ]
                self._database[collection].bulk_write(batch, ordered=False)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with _unavailable_on_failure(f"deleting from {collection}"):
            for start in range(0, len(ids), LARGEST_BATCH):
                self._database[collection].delete_many({"_id": {"$in": list(ids[start : start + LARGEST_BATCH])}})

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        documents: dict[str, Document] = {}
        with _unavailable_on_failure(f"reading {collection}"):
            for start in range(0, len(ids), LARGEST_BATCH):
                among_ids = {"_id": {"$in": list(ids[start : start + LARGEST_BATCH])}}
                documents.update((document["_id"], document) for document in self._database[collection].find(among_ids))
        return documents

    def newest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, before: int | None = None
    ) -> list[Document]:
        condition: Document = {**(equal or {}), **({field: {"$lt": before}} if before is not None else {})}
        with _unavailable_on_failure(f"reading {collection}"):
            return list(self._database[collection].find(condition).sort(field, -1).limit(limit))

    def count(self, collection: str) -> int:
        with _unavailable_on_failure(f"counting {collection}"):
            return self._database[collection].count_documents({})

    def ids(self, collection: str) -> Iterable[str]:
        with _unavailable_on_failure(f"reading {collection}"):
            yield from (document["_id"] for document in self._database[collection].find({}, {"_id": 1}))

    def close(self) -> None:
        self._client.close()
