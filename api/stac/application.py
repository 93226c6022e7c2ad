"""Puts the STAC API into the application: stac-fastapi's routes, with our core client, parameters and error answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attr
from fastapi import APIRouter, FastAPI, Response
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import EmptyRequest
from stac_fastapi.api.routes import create_async_endpoint
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.extension import ApiExtension

from api.errors import EVERYWHERE, content, documented
from api.stac.core_client import ImageryCoreClient
from api.stac.documents import GEOJSON, JSON, PREFIX, SCHEMA
from api.stac.parameters import CollectionRequest, ItemRequest, ItemsRequest, SearchBody, SearchRequest
from stormpetrel.imagery.stac_items import TITLE

EXTENSIONS = (
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
)


def _add_route(
    router: APIRouter, method: str, path: str, question: Callable[..., Any], request: Any, media_type: str
) -> None:
    """A route that answers a ready response; FastAPI makes none of its own, and checks none."""
    router.add_api_route(
        path,
        create_async_endpoint(question, request),
        methods=[method],
        name=question.__name__,
        responses=content(media_type),
        response_class=Response,
        response_model=None,
    )


@attr.s
class Queryables(ApiExtension):
    """The extensions Filter, Sort and Fields: their conformance, and the routes of queryables."""

    client: ImageryCoreClient = attr.ib(kw_only=True)
    conformance_classes: list[str] = attr.ib(factory=lambda: list(EXTENSIONS))

    def register(self, app: FastAPI) -> None:
        router = APIRouter(prefix=PREFIX, tags=["stac"], responses=documented(400, *EVERYWHERE))
        for path, request in (("", EmptyRequest), ("/collections/{collection_id}", CollectionRequest)):
            _add_route(router, "GET", f"{path}/queryables", self.client.get_queryables, request, SCHEMA)
        app.include_router(router)


@attr.s
class ImageryStacApi(StacApi):
    """stac-fastapi's application, without what ours has already: probes, compression, cross-origin answers."""

    def register_core(self) -> None:
        """The core routes. That of an item comes last: its id has slashes, so its path takes what follows `items/`."""
        client = self.client
        for path, question, request, media_type in (
            ("", client.landing_page, EmptyRequest, JSON),
            ("/conformance", client.conformance, EmptyRequest, JSON),
            ("/collections", client.all_collections, EmptyRequest, JSON),
            ("/collections/{collection_id}", client.get_collection, CollectionRequest, JSON),
            ("/search", client.get_search, SearchRequest, GEOJSON),
            ("/collections/{collection_id}/items", client.item_collection, ItemsRequest, GEOJSON),
            ("/collections/{collection_id}/items/{item_id:path}", client.get_item, ItemRequest, GEOJSON),
        ):
            _add_route(self.router, "GET", path, question, request, media_type)
        _add_route(self.router, "POST", "/search", client.post_search, SearchBody, GEOJSON)

    def add_health_check(self) -> None:
        """The application's own probes are there."""


def add_stac_api(app: FastAPI) -> None:
    """Adds the routes under /v1/stac. The application's error answers come after it: stac-fastapi sets its own."""
    settings: dict[str, Any] = {
        "stac_fastapi_title": TITLE,
        "stac_fastapi_description": TITLE,
        "stac_fastapi_version": app.version,
        "stac_fastapi_landing_id": "stormpetrel",
        "openapi_url": app.openapi_url,
        "docs_url": app.docs_url,
        "root_path": "",
        "enable_response_models": False,
        "enable_direct_response": False,
    }
    client = ImageryCoreClient()
    ImageryStacApi(
        ApiSettings(**settings),
        client,
        [Queryables(client=client)],
        app=app,
        router=APIRouter(prefix=PREFIX, tags=["stac"], responses=documented(400, *EVERYWHERE)),
        exceptions={},
        middlewares=[],
    )
