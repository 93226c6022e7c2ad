"""Both stores inside the test: they can be down, and can break between two writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import bson

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import Document, Filter, Point


class MemoryDocuments:
    """A DocumentStore; while `available` is False it does not answer."""

    def __init__(self) -> None:
        self.available = True
        self.collections: dict[str, dict[str, Document]] = {}

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        self._check()
        self.collections.setdefault(collection, {}).update({document["_id"]: document for document in documents})

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        self._check()
        for document_id in ids:
            self.collections.get(collection, {}).pop(document_id, None)

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        self._check()
        stored = self.collections.get(collection, {})
        return {document_id: stored[document_id] for document_id in ids if document_id in stored}

    def newest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, before: int | None = None
    ) -> list[Document]:
        raise NotImplementedError

    def oldest(
        self, collection: str, field: str, limit: int, equal: Mapping[str, Any] | None = None, after: int | None = None
    ) -> list[Document]:
        raise NotImplementedError

    def count(self, collection: str) -> int:
        return len(self.collections.get(collection, {}))

    def ids(self, collection: str) -> Iterable[str]:
        return list(self.collections.get(collection, {}))

    def collection_names(self) -> list[str]:
        self._check()
        return sorted(self.collections)

    def scan(self, collection: str) -> Iterable[Document]:
        self._check()
        return [dict(document) for document in self.collections.get(collection, {}).values()]

    def _check(self) -> None:
        if not self.available:
            raise StoreUnavailable("the document store does not answer")


class PagedDocuments(MemoryDocuments):
    """The document store, with pages; as on the real one, what BSON cannot hold is an error."""

    def newest(
        self, collection: str, field: str, limit: int, equal: Any = None, before: int | None = None
    ) -> list[Document]:
        found = self._equal(collection, {"before": before, **(equal or {})}, equal or {})
        kept = [document for document in found if before is None or document[field] < before]
        return sorted(kept, key=lambda document: document[field], reverse=True)[:limit]

    def oldest(
        self, collection: str, field: str, limit: int, equal: Any = None, after: int | None = None
    ) -> list[Document]:
        found = self._equal(collection, {"after": after, **(equal or {})}, equal or {})
        kept = [document for document in found if after is None or document[field] > after]
        return sorted(kept, key=lambda document: document[field])[:limit]

    def _equal(self, collection: str, asked: Document, equal: Document) -> list[Document]:
        self._check()
        bson.encode(asked)
        documents = self.collections.get(collection, {}).values()
        return [each for each in documents if all(each.get(name) == value for name, value in equal.items())]

    def ping(self) -> None:
        self._check()

    def close(self) -> None:
        pass


class MemoryVectors:
    """A VectorWriter. `crash_at` is the number of the write at which the process dies, before it is done."""

    def __init__(self) -> None:
        self.points: dict[str, Point] = {}
        self.writes = 0
        self.crash_at: int | None = None

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        self.writes += 1
        if self.writes == self.crash_at:
            raise KeyboardInterrupt("killed between the two stores")
        self.points.update({point.id: point for point in points})

    def set_vectors(self, collection: str, points: Sequence[Point]) -> None:
        for point in points:
            if there := self.points.get(point.id):
                vectors = {"dense": {**there.dense, **point.dense}, "sparse": {**there.sparse, **point.sparse}}
                self.points[point.id] = replace(there, **vectors)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        for entity_id in ids:
            self.points.pop(entity_id, None)

    def ids(self, collection: str, within: Filter | None = None) -> Iterable[str]:
        return list(self.points)
