"""The core client of the STAC API: each question of a client, answered from the stores' ports."""

from __future__ import annotations

from typing import Any

import attr
import orjson
from fastapi import Request, Response
from stac_fastapi.types.core import BaseCoreClient

from api.stac.documents import GEOJSON, JSON, SCHEMA, StacDocuments, checked
from api.stac.item_query import body_of, query_of
from api.stac.parameters import SearchBody
from stormpetrel.core.errors import NotFound
from stormpetrel.search.item_search import ItemQuery, ItemSearch

NEWEST = 10  # items that a collection links to


def _documents(request: Request) -> StacDocuments:
    return StacDocuments(str(request.base_url).rstrip("/"))


def _search(request: Request) -> ItemSearch:
    search: ItemSearch = request.app.state.resources.imagery.items
    return search


def _answer(document: Any, media_type: str = JSON) -> Response:
    return Response(orjson.dumps(document), media_type=media_type)


@attr.s
class ImageryCoreClient(BaseCoreClient):
    """Patches, scenes and products. All raise NotFound, BadQuery and StoreUnavailable.

    Answers are ready responses: stac-fastapi's own types are dictionaries that would be encoded twice.
    """

    def landing_page(self, **asked: Any) -> Any:
        return _answer(_documents(asked["request"]).landing_page(self.conformance_classes()))

    def conformance(self, **asked: Any) -> Any:
        return _answer({"conformsTo": self.conformance_classes()})

    def all_collections(self, **asked: Any) -> Any:
        return _answer(_documents(asked["request"]).collections())

    def get_collection(self, collection_id: str, **asked: Any) -> Any:
        page = _search(asked["request"]).page(ItemQuery((checked(collection_id),), limit=NEWEST))
        return _answer(_documents(asked["request"]).collection(collection_id, page.items))

    def get_queryables(self, collection_id: str | None = None, **asked: Any) -> Any:
        return _answer(_documents(asked["request"]).queryables(collection_id), SCHEMA)

    def get_item(self, item_id: str, collection_id: str, **asked: Any) -> Any:
        item = _search(asked["request"]).item(checked(collection_id), item_id)
        if item is None:
            raise NotFound(f"there is no item {item_id[:512]!r} in {collection_id}")
        return _answer(_documents(asked["request"]).item(item), GEOJSON)

    def item_collection(self, *_: Any, **asked: Any) -> Any:
        collection = checked(asked.pop("collection_id"))
        body = body_of(asked)
        body.collections = [collection]
        return _page(asked["request"], f"/collections/{collection}/items", body)

    def get_search(self, *_: Any, **asked: Any) -> Any:
        return _page(asked["request"], "/search", body_of(asked))

    def post_search(self, *body: Any, **asked: Any) -> Any:
        return _page(asked["request"], "/search", body[0])


def _page(request: Request, path: str, asked: SearchBody) -> Response:
    page = _search(request).page(query_of(asked))
    in_address = dict(request.query_params) if request.method == "GET" else None
    return _answer(_documents(request).page(page, path, asked, in_address), GEOJSON)
