"""Products, scenes and patches as a STAC API (core, collections, items), for any STAC client."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from api import dependencies
from api.dependencies import Imagery
from stormpetrel.core.errors import NotFound
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
Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(description="milliseconds since 1970: where the last page ended")]


def _address(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _link(rel: str, href: str, kind: str = "application/json") -> dict[str, str]:
    return {"rel": rel, "href": href, "type": kind}


@router.get("")
def landing(request: Request) -> dict[str, Any]:
    """The catalogue's root."""
    at = f"{_address(request)}/v1/stac"
    catalogue = stac.catalogue().to_dict(include_self_link=False)
    links = [
        _link("self", at),
        _link("root", at),
        _link("data", f"{at}/collections"),
        _link("conformance", f"{at}/conformance"),
        _link("service-desc", f"{_address(request)}/openapi.json", "application/vnd.oai.openapi+json;version=3.0"),
        *(_link("child", f"{at}/collections/{name}") for name in stac.COLLECTIONS),
    ]
    return {**catalogue, "conformsTo": CONFORMS, "links": links}


@router.get("/conformance")
def conformance() -> dict[str, Any]:
    """The conformance classes: STAC API core, collections, items."""
    return {"conformsTo": CONFORMS}


@router.get("/collections")
def collections(request: Request) -> dict[str, Any]:
    at = f"{_address(request)}/v1/stac"
    return {
        "collections": [_collection(name, at) for name in stac.COLLECTIONS],
        "links": [_link("self", f"{at}/collections"), _link("root", at)],
    }


@router.get("/collections/{name}")
def collection(name: str, request: Request) -> dict[str, Any]:
    _check_collection(name)
    return _collection(name, f"{_address(request)}/v1/stac")


def _collection(name: str, at: str) -> dict[str, Any]:
    described = stac.collection(name).to_dict(include_self_link=False)
    here = f"{at}/collections/{name}"
    return {
        **described,
        "links": [
            _link("self", here),
            _link("root", at),
            _link("parent", at),
            _link("items", f"{here}/items", GEOJSON),
        ],
    }


@router.get("/collections/{name}/items")
def items(
    name: str,
    request: Request,
    limit: Limit = 50,
    before: Before = None,
    imagery: Imagery = Depends(dependencies.imagery),
) -> JSONResponse:
    """The newest items first, by the time they were sensed; the link `next` leads to the next page."""
    _check_collection(name)
    documents = imagery.catalogue.documents.newest(name, "time", limit, before=before)
    here = f"{_address(request)}/v1/stac/collections/{name}"
    links = [_link("self", f"{here}/items", GEOJSON), _link("collection", here)]
    if len(documents) == limit:
        links.append(_link("next", f"{here}/items?limit={limit}&before={documents[-1]['time']}", GEOJSON))
    features = [_item(name, document, _address(request)) for document in documents]
    body = {"type": "FeatureCollection", "features": features, "links": links, "numberReturned": len(features)}
    return JSONResponse(body, media_type=GEOJSON)


@router.get("/collections/{name}/items/{item_id:path}")
def item(name: str, item_id: str, request: Request, imagery: Imagery = Depends(dependencies.imagery)) -> JSONResponse:
    _check_collection(name)
    document = imagery.catalogue.documents.get(name, [item_id]).get(item_id)
    if document is None:
        raise NotFound(f"there is no item {item_id!r} in {name}")
    return JSONResponse(_item(name, document, _address(request)), media_type=GEOJSON)


def _check_collection(name: str) -> None:
    if name not in stac.COLLECTIONS:
        raise NotFound(f"there is no collection {name!r}; there are {', '.join(stac.COLLECTIONS)}")


def _item(name: str, document: Document, address: str) -> dict[str, Any]:
    if name == "products":
        item = stac.product_item(document)
    elif name == "scenes":
        item = stac.scene_item(document, address)
    else:
        item = stac.patch_item(document, address)
    at = f"{address}/v1/stac"
    fields = item.to_dict(include_self_link=False, transform_hrefs=False)
    derived_from = [link for link in fields["links"] if link["rel"] == "derived_from"]
    item_address = f"{at}/collections/{name}/items/{quote(document['_id'], safe='')}"
    links = [
        _link("self", item_address, GEOJSON),
        _link("root", at),
        _link("parent", f"{at}/collections/{name}"),
        _link("collection", f"{at}/collections/{name}"),
    ]
    return {**fields, "links": links + derived_from}
