"""Finds patches, scenes and products that meet predicates, page by page in the order of time: what STAC clients ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ports import Document, DocumentReader, Filter, OrderQuery
from stormpetrel.imagery.facts import facts_of, facts_of_product
from stormpetrel.imagery.outlines import outline_of
from stormpetrel.predicates import And, Expression, Overlaps, Values, index_filter, is_true
from stormpetrel.search.documents import CollectionNames
from stormpetrel.search.item_order import (
    Entry,
    OrderedDocuments,
    OrderedIndex,
    OrderedItems,
    OrderedPatches,
    Position,
    in_order,
)

COLLECTIONS = ("patches", "products", "scenes")
AT_ONCE = 500  # patches whose documents are read together
EVERYTHING, ANY_TIME = And(), Overlaps(None, None)
DAY_MS = 86_400_000  # no product is sensed for so long


@dataclass(frozen=True)
class ItemQuery:
    """Items of these collections, with these ids (None: all), that meet an expression and were sensed in a window; so
    many from a place in the order on: the newest first, or `ascending`."""

    collections: Sequence[str] = COLLECTIONS
    ids: Sequence[str] | None = None
    within: Expression = EVERYTHING
    window: Overlaps = ANY_TIME
    ascending: bool = False
    limit: int = 10
    after: Position | None = None


@dataclass(frozen=True)
class Item:
    """A document with its collection, and the facts that predicates know of it, by the keys of properties."""

    collection: str
    document: Document
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class ItemPage:
    """The items, and the place where the next page begins; None where this is the last."""

    items: list[Item] = field(default_factory=list)
    next: Position | None = None


@dataclass(frozen=True)
class ItemSearch:
    """All methods raise StoreUnavailable."""

    index: OrderedIndex
    documents: DocumentReader
    collections: CollectionNames

    def page(self, query: ItemQuery) -> ItemPage:
        """The next items that meet the query."""
        items = list(islice(self._items(query), query.limit + 1))
        if len(items) <= query.limit:
            return ItemPage(items)
        last = items[query.limit - 1]
        return ItemPage(items[: query.limit], _position(last))

    def item(self, collection: str, item_id: str) -> Item | None:
        """One item; None where there is none."""
        return next(self._items(ItemQuery((collection,), [item_id])), None)

    def _items(self, query: ItemQuery) -> Iterator[Item]:
        met = And((query.within, query.window))
        entries = self._named(query) if query.ids is not None else self._entries(query, met)
        for items in self._read(entries, min(AT_ONCE, query.limit + 1)):
            yield from (item for item in items if is_true(met, values_of(item)))

    def _entries(self, query: ItemQuery, met: Expression) -> Iterator[Entry]:
        """In order, from where the query begins to where its window ends."""
        sources: list[OrderedItems] = [
            OrderedDocuments(self.documents, name) for name in query.collections if name != "patches"
        ]
        narrowed = index_filter(met).filter
        if "patches" in query.collections and narrowed is not None:
            sources.append(OrderedPatches(self.index, self.collections.patches, narrowed))
        since, until = query.window.since, query.window.until
        earliest = None if since is None else int(since) - DAY_MS
        latest = None if until is None else int(until)
        start = earliest if query.ascending else latest
        for entry in in_order(sources, query.after, start, query.ascending, query.limit + 1):
            if query.ascending and latest is not None and entry.position.time > latest:
                return
            if not query.ascending and earliest is not None and entry.position.time < earliest:
                return
            yield entry

    def _named(self, query: ItemQuery) -> Iterator[Entry]:
        """The items of the query's ids, in order from its place on."""
        documents = {name: self.documents.get(name, list(query.ids or ())) for name in query.collections}
        found = [
            Entry(Position(each["time"], name, each["_id"]), None if name == "patches" else each)
            for name, documents_of in documents.items()
            for each in documents_of.values()
        ]
        sign = 1 if query.ascending else -1
        rank = {entry.position: (sign * entry.position.time, *entry.position[1:]) for entry in found}
        first = (sign * query.after.time, *query.after[1:]) if query.after else None
        for entry in sorted(found, key=lambda entry: rank[entry.position]):
            if first is None or rank[entry.position] > first:
                yield entry

    def _read(self, entries: Iterable[Entry], at_once: int) -> Iterator[list[Item]]:
        """The items of entries, with their documents; a patch that has left the store meanwhile is left out."""
        entries = iter(entries)
        while block := list(islice(entries, at_once)):
            unread = [entry.position.id for entry in block if entry.document is None]
            patches = self.documents.get("patches", unread) if unread else {}
            labels = self._labels(patches)
            items = []
            for entry in block:
                document = entry.document or patches.get(entry.position.id)
                if document is not None:
                    items.append(item_of(entry.position.collection, document, labels.get(entry.position.id, ())))
            yield items

    def _labels(self, patches: Mapping[str, Document]) -> dict[str, Sequence[str]]:
        """What models say of patches: the index alone has it."""
        if not patches:
            return {}
        scenes = sorted({patch["scene_id"] for patch in patches.values()})
        within = Filter(any_of={"scene_id": scenes, "id": list(patches)})
        query = OrderQuery("event_time", "desc", None, within, len(patches), ("id", "labels"))
        (hits,) = self.index.query(self.collections.patches, [query])
        return {str(hit.payload["id"]): hit.payload.get("labels") or () for hit in hits}


def _position(item: Item) -> Position:
    return Position(item.document["time"], item.collection, item.document["_id"])


def item_of(collection: str, document: Document, labels: Sequence[str] = ()) -> Item:
    """The item of a document."""
    facts = facts_of_product(document) if collection == "products" else facts_of(document)
    facts |= {"id": document["_id"], "collection": collection, "event_time": document["time"]}
    facts |= {"mission": facts["sensors"][0]} if facts["sensors"] else {}
    if collection == "patches":
        facts |= {"labels": list(labels), "scene_id": document["scene_id"], "scale_level": document["scale_level"]}
    return Item(collection, document, facts)


def values_of(item: Item) -> Values:
    """What predicates are decided by."""
    ended = (
        milliseconds(datetime.fromisoformat(item.document["sensed_until"])) if item.collection == "products" else None
    )
    return Values(item.facts, partial(outline_of, item.document), ended)
