"""The document store: MongoDB, or the local stack's server on the same wire.

Only what every server does rightly: upserts by our own string `_id`, reads and deletes by ids, and one bounded range
over an indexed field. Queries by any other field go to the vector index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, PyMongoError

from stormpetrel.core.errors import StoreRefused, StoreUnavailable, StormpetrelError
from stormpetrel.core.ports import Document
from stormpetrel.core.settings import Mongo
from stormpetrel.stores.collections import DOCUMENT_INDEXES
from stormpetrel.stores.storable import why_unstorable

KEPT_SINCE = "kept_since"
# Field of the time that a collection's documents came in.
EXPIRES_BY = {"posts": "ingested_at", "deleted_posts": "marked_at"}
MARKS_KEPT_DAYS = 7.0  # longer than `photos.give_up_after_h` can be: no photo of a deleted post comes after that
LARGEST_BATCH = 500  # statements a command: more than this and some servers hang
# What a server answers when the fault is its own state, and not what it was given: it is asked again.
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
STATES = {
    6: "host unreachable",
    7: "host not found",
    13: "not authorised: does mongo.user have readWrite?",
    18: "the password is refused: see mongo.user and mongo.password",
    24: "lock timeout",
    43: "cursor lost",
    50: "time limit",
    64: "write concern not met in time",
    79: "unknown write concern",
    89: "network timeout",
    91: "shutting down",
    100: "too few members for mongo.write_concern",
    112: "write conflict",
    133: "no fitting member",
    189: "stepped down",
    202: "out of resources",
    262: "time limit",
    8000: "the account is refused",
    9001: "socket",
    10107: "not primary",
    11600: "interrupted",
    11602: "interrupted",
    13435: "not primary",
    13436: "recovering",
    14031: "out of disk",
}
# The same of the local server, which has one code for all.
STATE_WORDS = ("disk", "database is locked", "unable to open", "readonly database", "database is closed")


@contextmanager
def _store_errors(action: str) -> Iterator[None]:
    """Raises StoreRefused where the server, or its client, does not take what it was given; StoreUnavailable where it
    does not answer or cannot work."""
    try:
        yield
    except (PyMongoError, BSONError, OverflowError, UnicodeError) as error:
        raise _store_error(action, error) from error


def _store_error(action: str, error: Exception) -> StormpetrelError:
    if isinstance(error, BulkWriteError):
        faults = error.details.get("writeErrors", [])
        if faults and not any(_is_state(fault.get("code"), fault.get("errmsg", "")) for fault in faults):
            ids = [str(fault["op"]["q"]["_id"]) for fault in faults]
            reason = faults[0].get("errmsg", "no reason given")
            return StoreRefused(f"MongoDB: {action}: it refuses {', '.join(ids[:5])}: {reason}", ids)
    elif isinstance(error, OperationFailure):
        if not _is_state(error.code, str(error)) and not error.has_error_label("RetryableWriteError"):
            return StoreRefused(f"MongoDB: {action}: {error}")
    elif isinstance(error, DocumentTooLarge) or not isinstance(error, PyMongoError):
        return StoreRefused(f"MongoDB: {action}: {error}")
    return StoreUnavailable(f"MongoDB: {action}: {error}")


def _is_state(code: int | None, message: str) -> bool:
    return code in STATES or any(word in message for word in STATE_WORDS)


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    return (list(ids[start : start + LARGEST_BATCH]) for start in range(0, len(ids), LARGEST_BATCH))


def _with_expiry(collection: str, document: Document) -> Document:
    """With the time from which the server counts how long it is kept, as BSON wants it."""
    came_in = document.get(EXPIRES_BY.get(collection, ""))
    return document if came_in is None else {**document, KEPT_SINCE: datetime.fromisoformat(came_in)}


def _without_expiry(document: Document) -> Document:
    document.pop(KEPT_SINCE, None)
    return document


class MongoStore:
    """A DocumentStore on a MongoDB server. `options` are pymongo's."""

    def __init__(self, url: str, database: str, timeout_s: float = 30, **options: Any) -> None:
        milliseconds = round(timeout_s * 1000)
        # A server that takes connections and then is silent must not hold a process for ever.
        waits: dict[str, Any] = {"socketTimeoutMS": milliseconds, "waitQueueTimeoutMS": milliseconds}
        waits |= {name: min(3000, milliseconds) for name in ("serverSelectionTimeoutMS", "connectTimeoutMS")}
        self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(url, tz_aware=True, **waits, **options)
        self._database = self._client[database]

    @classmethod
    def of(cls, settings: Mongo) -> MongoStore:
        """Raises StormpetrelError where the URL or the CA file is none."""
        options: dict[str, Any] = {"w": settings.write_concern}
        if settings.tls:
            options |= {"tls": True} | ({"tlsCAFile": str(settings.ca_file)} if settings.ca_file else {})
        if settings.user:
            password = settings.password.get_secret_value() if settings.password else ""
            options |= {"username": settings.user, "password": password}
        try:
            return cls(settings.url, settings.database, settings.timeout_s, **options)
        except (PyMongoError, OSError) as error:
            raise StormpetrelError(f"mongo.url or mongo.ca_file cannot be used: {error}") from error

    def ping(self) -> None:
        with _store_errors("ping"):
            self._client.admin.command("ping")

    def migrate(self, posts_kept_days: float | None = None) -> None:
        """Makes the indexes of what is read by other fields than `_id`, and has the server delete posts that came in so
        many days ago (none: never), and old marks of deleted posts; safe to repeat, and by several at once."""
        self._expire("posts", posts_kept_days)
        self._expire("deleted_posts", MARKS_KEPT_DAYS)
        for collection, indexes in DOCUMENT_INDEXES.items():
            with _store_errors(f"indexing {collection}"):
                for keys in indexes:
                    self._database[collection].create_index(keys)

    def _expire(self, collection: str, days: float | None) -> None:
        """The server's own deletion by time (a TTL index); MongoDB looks once a minute."""
        seconds = None if days is None else round(days * 86_400)
        with _store_errors(f"setting the retention of {collection}"):
            stored = self._database[collection]
            indexes = {
                name: index for name, index in stored.index_information().items() if "expireAfterSeconds" in index
            }
            for name, index in indexes.items():
                if index["expireAfterSeconds"] != seconds:
                    stored.drop_index(name)
            if seconds is not None and seconds not in [index["expireAfterSeconds"] for index in indexes.values()]:
                stored.create_index([(KEPT_SINCE, 1)], expireAfterSeconds=seconds)

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        # The last of several with one id wins, as it would one by one.
        latest = {document["_id"]: document for document in documents}
        reasons = {each: reason for each, document in latest.items() if (reason := why_unstorable(document))}
        if reasons:
            text = "; ".join(f"{each} has {reason}" for each, reason in list(reasons.items())[:5])
            raise StoreRefused(f"MongoDB: writing to {collection}: {text}", list(reasons))
        with _store_errors(f"writing {len(latest)} to {collection}"):
            for ids in _batches(list(latest)):
                batch = [
                    pymongo.ReplaceOne({"_id": each}, _with_expiry(collection, latest[each]), upsert=True)
                    for each in ids
                ]
                self._database[collection].bulk_write(batch, ordered=False)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with _store_errors(f"deleting from {collection}"):
            for batch in _batches(ids):
                self._database[collection].delete_many({"_id": {"$in": batch}})

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        documents: dict[str, Document] = {}
        with _store_errors(f"reading {collection}"):
            for batch in _batches(ids):
                found = self._database[collection].find({"_id": {"$in": batch}})
                documents.update((document["_id"], _without_expiry(document)) for document in found)
        return documents

    def newest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, before: int | None = None
    ) -> list[Document]:
        beyond = {field: {"$lt": before}} if before is not None else {}
        return self._in_order(collection, {**(equal or {}), **beyond}, (field, pymongo.DESCENDING), limit)

    def oldest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, after: int | None = None
    ) -> list[Document]:
        beyond = {field: {"$gt": after}} if after is not None else {}
        return self._in_order(collection, {**(equal or {}), **beyond}, (field, pymongo.ASCENDING), limit)

    def _in_order(self, collection: str, condition: Document, order: tuple[str, int], limit: int) -> list[Document]:
        with _store_errors(f"reading {collection}"):
            found = self._database[collection].find(condition).sort(*order).limit(limit)
            return [_without_expiry(document) for document in found]

    def count(self, collection: str) -> int:
        with _store_errors(f"counting {collection}"):
            return self._database[collection].count_documents({})

    def ids(self, collection: str) -> Iterable[str]:
        with _store_errors(f"reading {collection}"):
            yield from (document["_id"] for document in self._database[collection].find({}, {"_id": 1}))

    def collection_names(self) -> list[str]:
        with _store_errors("listing collections"):
            return sorted(name for name in self._database.list_collection_names() if not name.startswith("system."))

    def scan(self, collection: str) -> Iterator[Document]:
        with _store_errors(f"reading {collection}"):
            yield from map(_without_expiry, self._database[collection].find({}))

    def drop(self, collection: str) -> None:
        """Removes a collection with all its documents; `migrate` makes its indexes again."""
        with _store_errors(f"dropping {collection}"):
            self._database.drop_collection(collection)

    def close(self) -> None:
        self._client.close()
