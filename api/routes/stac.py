"""Products, scenes and patches as a STAC API (core, collections, items), for any STAC client."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from api.dependencies import ImageryDependency
from api.errors import content
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import Integer, Key
from stormpetrel.core.ports import Document
from stormpetrel.imagery import stac_items as stac

router = APIRouter(prefix="/v1/stac", tags=["stac"])
CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
GEOJSON = "application/geo+json"
Before = Annotated[Integer | None, Query(description="milliseconds since 1970: where the last page ended")]


async def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")


async def _collection_name(name: Annotated[str, Path(json_schema_extra={"enum": list(stac.COLLECTIONS)})]) -> str:
    if name not in stac.COLLECTIONS:
        raise NotFound(f"there is no collection {name!r}; there are {', '.join(stac.COLLECTIONS)}")
    return name


Server = Annotated[str, Depends(_server)]
Name = Annotated[str, Depends(_collection_name)]


def _link(rel: str, href: str, kind: str = "application/json") -> dict[str, str]:
    return {"rel": rel, "href": href, "type": kind}


@router.get("")
def landing(server: Server) -> dict[str, Any]:
    """The catalogue's root."""
    at = f"{server}/v1/stac"
    links = [
        _link("self", at),
        _link("root", at),
        _link("data", f"{at}/collections"),
        _link("conformance", f"{at}/conformance"),
        _link("service-desc", f"{server}/openapi.json", "application/vnd.oai.openapi+json;version=3.0"),
        *(_link("child", f"{at}/collections/{name}") for name in stac.COLLECTIONS),
    ]
    return {**stac.catalogue().to_dict(include_self_link=False), "conformsTo": CONFORMS, "links": links}


@router.get("/conformance")
def conformance() -> dict[str, Any]:
    """The conformance classes: STAC API core, collections, items."""
    return {"conformsTo": CONFORMS}


@router.get("/collections")
def collections(server: Server) -> dict[str, Any]:
    at = f"{server}/v1/stac"
    links = [_link("self", f"{at}/collections"), _link("root", at)]
    return {"collections": [collection(name, server) for name in stac.COLLECTIONS], "links": links}


@router.get("/collections/{name}")
def collection(name: Name, server: Server) -> dict[str, Any]:
    at = f"{server}/v1/stac"
    here = f"{at}/collections/{name}"
    links = [_link("self", here), _link("root", at), _link("parent", at), _link("items", f"{here}/items", GEOJSON)]
    return {**stac.collection(name).to_dict(include_self_link=False), "links": links}


@router.get("/collections/{name}/items", response_class=JSONResponse, responses=content(GEOJSON))
def items(
    name: Name,
    server: Server,
    imagery: ImageryDependency,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Before = None,
) -> JSONResponse:
    """The newest items first, by the time they were sensed; the link `next` leads to the next page."""
    documents = imagery.catalogue.documents.newest(name, "time", limit, before=before)
    here = f"{server}/v1/stac/collections/{name}"
    links = [_link("self", f"{here}/items", GEOJSON), _link("collection", here)]
    if len(documents) == limit:
        links.append(_link("next", f"{here}/items?limit={limit}&before={documents[-1]['time']}", GEOJSON))
    features = [_item(name, document, server) for document in documents]
    body = {"type": "FeatureCollection", "features": features, "links": links, "numberReturned": len(features)}
    return JSONResponse(body, media_type=GEOJSON)


@router.get("/collections/{name}/items/{item_id:path}", response_class=JSONResponse, responses=content(GEOJSON))
def item(name: Name, item_id: Key, server: Server, imagery: ImageryDependency) -> JSONResponse:
    document = imagery.catalogue.documents.get(name, [item_id]).get(item_id)
    if document is None:
        raise NotFound(f"there is no item {item_id!r} in {name}")
    return JSONResponse(_item(name, document, server), media_type=GEOJSON)


def _item(name: str, document: Document, server: str) -> dict[str, Any]:
    if name == "products":
        item = stac.product_item(document)
    else:
        item = (stac.scene_item if name == "scenes" else stac.patch_item)(document, server)
    fields = item.to_dict(include_self_link=False, transform_hrefs=False)
    here = f"{server}/v1/stac/collections/{name}"
    links = [
        _link("self", f"{here}/items/{quote(document['_id'], safe='')}", GEOJSON),
        _link("root", f"{server}/v1/stac"),
        _link("parent", here),
        _link("collection", here),
    ]
    return {**fields, "links": links + [link for link in fields["links"] if link["rel"] == "derived_from"]}
