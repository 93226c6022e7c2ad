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


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    return (list(ids[start : start + LARGEST_BATCH]) for start in range(0, len(ids), LARGEST_BATCH))


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
        latest = {document["_id"]: document for document in documents}
        with _unavailable_on_failure(f"writing {len(latest)} to {collection}"):
            for ids in _batches(list(latest)):
                batch = [pymongo.ReplaceOne({"_id": each}, latest[each], upsert=True) for each in ids]
                self._database[collection].bulk_write(batch, ordered=False)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with _unavailable_on_failure(f"deleting from {collection}"):
            for batch in _batches(ids):
                self._database[collection].delete_many({"_id": {"$in": batch}})

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        documents: dict[str, Document] = {}
        with _unavailable_on_failure(f"reading {collection}"):
            for batch in _batches(ids):
                found = self._database[collection].find({"_id": {"$in": batch}})
                documents.update((document["_id"], document) for document in found)
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
