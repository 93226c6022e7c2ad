"""Puts the STAC API into the application: stac-fastapi's routes, with our core client, parameters and error answers."""

from __future__ import annotations

from typing import Any

import attr
from fastapi import APIRouter, FastAPI
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import EmptyRequest, GeoJSONResponse
from stac_fastapi.api.routes import create_async_endpoint
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.extension import ApiExtension
from stac_pydantic.api import Item, LandingPage

from api.errors import EVERYWHERE, content, documented
from api.stac.core_client import ImageryCoreClient
from api.stac.documents import JSON, PREFIX, SCHEMA
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


@attr.s
class Queryables(ApiExtension):
    """The extensions Filter, Sort and Fields: their conformance, and the routes of queryables."""

    client: ImageryCoreClient = attr.ib(kw_only=True)
    conformance_classes: list[str] = attr.ib(factory=lambda: list(EXTENSIONS))

    def register(self, app: FastAPI) -> None:
        router = APIRouter(prefix=PREFIX, tags=["stac"], responses=documented(400, *EVERYWHERE))
        for path, request in (("", EmptyRequest), ("/collections/{collection_id}", CollectionRequest)):
            endpoint = create_async_endpoint(self.client.get_queryables, request)
            router.add_api_route(f"{path}/queryables", endpoint, name="Queryables", responses=content(SCHEMA))
        app.include_router(router)


@attr.s
class ImageryStacApi(StacApi):
    """stac-fastapi's application, without what ours has already: probes, compression, cross-origin answers."""

    def register_landing_page(self) -> None:
        """At the prefix itself, with and without a slash at its end."""
        endpoint = create_async_endpoint(self.client.landing_page, EmptyRequest)
        answer: dict[int | str, dict[str, Any]] = {200: {"content": {JSON: {}}, "model": LandingPage}}
        self.router.add_api_route("", endpoint, name="Landing Page", responses=answer, response_model=None)

    def register_get_item(self) -> None:
        """Ids of patches have slashes."""
        self.router.add_api_route(
            "/collections/{collection_id}/items/{item_id:path}",
            create_async_endpoint(self.client.get_item, ItemRequest),
            name="Get Item",
            responses={200: {"content": {"application/geo+json": {}}, "model": Item}},
            response_class=GeoJSONResponse,
            response_model=None,
        )

    def register_core(self) -> None:
        """The route of an item comes last: its path takes whatever follows `items/`."""
        self.register_landing_page()
        self.register_conformance_classes()
        self.register_post_search()
        self.register_get_search()
        self.register_get_collections()
        self.register_get_collection()
        self.register_get_item_collection()
        self.register_get_item()

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
        search_get_request_model=SearchRequest,
        search_post_request_model=SearchBody,
        collection_get_request_model=CollectionRequest,
        items_get_request_model=ItemsRequest,
        item_get_request_model=ItemRequest,
    )
