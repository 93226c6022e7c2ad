"""The documents of the STAC API: the landing page, collections, items and pages of items, with all their links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from api.stac.item_query import token_of
from api.stac.map_links import WEB_MAP_LINKS, map_links
from api.stac.parameters import SearchBody, ShownFields
from stormpetrel.core.errors import NotFound
from stormpetrel.imagery import stac_items
from stormpetrel.predicates.properties import PROPERTIES
from stormpetrel.search.item_search import Item, ItemPage

JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
PREFIX = "/v1/stac"
EVERYTHING = ShownFields()
ALWAYS_SHOWN = ("type", "stac_version", "id", "collection")  # without these no client knows an item
OF_PATCHES = ("new_water_share", "new_water_confidence", "water_share", "labels", "scene_id", "scale_level")


def link(rel: str, href: str, media_type: str = JSON, **more: Any) -> dict[str, Any]:
    """A link of any document."""
    return {"rel": rel, "href": href, "type": media_type, **more}


@dataclass(frozen=True)
class StacDocuments:
    """Made for one request; `server` is the address that it was sent to."""

    server: str

    @property
    def root(self) -> str:
        return f"{self.server}{PREFIX}"

    def landing_page(self, conformance: Sequence[str]) -> dict[str, Any]:
        links = [
            link("self", self.root),
            link("root", self.root),
            link("data", f"{self.root}/collections"),
            link("conformance", f"{self.root}/conformance"),
            link("search", f"{self.root}/search", GEOJSON, method="GET"),
            link("search", f"{self.root}/search", GEOJSON, method="POST"),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{self.root}/queryables", SCHEMA),
            link("service-desc", f"{self.server}/openapi.json", "application/vnd.oai.openapi+json;version=3.0"),
            link("service-doc", f"{self.server}/docs", "text/html"),
            *(link("child", self._collection(name)) for name in stac_items.COLLECTIONS),
        ]
        return {**stac_items.catalogue(), "conformsTo": list(conformance), "links": links}

    def collections(self) -> dict[str, Any]:
        links = [link("self", f"{self.root}/collections"), link("root", self.root), link("parent", self.root)]
        return {"collections": [self.collection(name) for name in stac_items.COLLECTIONS], "links": links}

    def collection(self, name: str, newest: Sequence[Item] = ()) -> dict[str, Any]:
        """A collection, with links to its newest items. Raises NotFound."""
        here = self._collection(checked(name))
        links = [
            link("self", here),
            link("root", self.root),
            link("parent", self.root),
            link("items", f"{here}/items", GEOJSON),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{here}/queryables", SCHEMA),
            link("license", stac_items.LICENCE, "application/pdf"),
            *(link("item", self._item(item), GEOJSON) for item in newest),
        ]
        return {**stac_items.collection(name), "links": links}

    def queryables(self, name: str | None) -> dict[str, Any]:
        """The properties that predicates name, as JSON Schema. Raises NotFound."""
        here = self._collection(checked(name)) if name else self.root
        known = [each for each in PROPERTIES if name in (None, "patches") or each.key not in OF_PATCHES]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{here}/queryables",
            "type": "object",
            "title": f"Properties of {name or 'all collections'}",
            "properties": {each.name: each.schema() for each in known},
            "additionalProperties": False,
        }

    def item(self, item: Item, shown: ShownFields = EVERYTHING) -> dict[str, Any]:
        feature = stac_items.item(item.collection, item.document, item.facts, self.server)
        here = self._collection(item.collection)
        links = [
            link("self", self._item(item), GEOJSON),
            link("root", self.root),
            link("parent", here),
            link("collection", here),
        ]
        for product in stac_items.products_of(item.document):
            address = f"{self.root}/collections/products/items/{quote(product, safe='')}"
            links.append(link("derived_from", address, GEOJSON))
        if item.collection == "scenes" and (on_maps := map_links(item.document, self.server)):
            links += on_maps
            feature["stac_extensions"].append(WEB_MAP_LINKS)
        whole = {**feature, "links": links}
        return _only(whole, shown) if shown.include or shown.exclude else whole

    def page(
        self, page: ItemPage, path: str, asked: SearchBody, parameters: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """A page of items; `parameters` are those of the address, None where the search came in a body."""
        features = [self.item(item, asked.fields) for item in page.items]
        address = f"{self.root}{path}"
        here = f"{address}?{urlencode(parameters)}" if parameters else address
        links = [link("self", here, GEOJSON), link("root", self.root)]
        if path != "/search":
            collection = address.removesuffix("/items")
            links += [link("collection", collection), link("parent", collection)]
        if page.next is not None:
            links.append(_next(address, token_of(page.next), asked, parameters))
        return {"type": "FeatureCollection", "features": features, "links": links, "numberReturned": len(features)}

    def _collection(self, name: str) -> str:
        return f"{self.root}/collections/{name}"

    def _item(self, item: Item) -> str:
        return f"{self._collection(item.collection)}/items/{quote(item.document['_id'], safe='')}"


def checked(name: str) -> str:
    """The collection's name. Raises NotFound where there is none."""
    if name not in stac_items.COLLECTIONS:
        raise NotFound(f"there is no collection {name[:100]!r}; there are {', '.join(stac_items.COLLECTIONS)}")
    return name


def _next(address: str, token: str, asked: SearchBody, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    if parameters is not None:
        return link("next", f"{address}?{urlencode({**parameters, 'token': token})}", GEOJSON, method="GET")
    body = asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True) | {"token": token}
    return link("next", address, GEOJSON, method="POST", body=body, merge=False)


def _only(item: dict[str, Any], shown: ShownFields) -> dict[str, Any]:
    """The item with the fields that are left in, or without those that are left out. Where both name a field, the
    more precise name counts, and of one name that which leaves it in."""
    kept: dict[str, Any] = {}
    for path, value in _leaves(item):
        left_in = _precision(path, (*(shown.include or ()), *ALWAYS_SHOWN))
        left_out = _precision(path, shown.exclude or ())
        if left_in >= max(left_out, 1) or not (shown.include or left_out):
            place = kept
            for part in path[:-1]:
                place = place.setdefault(part, {})
            place[path[-1]] = value
    return kept


def _precision(path: tuple[str, ...], names: Sequence[str]) -> int:
    """How precise the most precise of the names is that a field lies within; 0 where there is none."""
    return max((1 + name.count(".") for name in names if _within(path, name)), default=0)


def _leaves(item: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """An item's fields, properties and assets one by one."""
    leaves: list[tuple[tuple[str, ...], Any]] = []
    for name, value in item.items():
        if name in ("properties", "assets"):
            leaves += [((name, inner), part) for inner, part in value.items()]
        else:
            leaves.append(((name,), value))
    return leaves


def _within(path: tuple[str, ...], name: str) -> bool:
    parts = tuple(name.split(".", 1)) if name.startswith(("properties.", "assets.")) else (name,)
    return path[: len(parts)] == parts or path == ("properties", name)
