"""Products, scenes and patches as STAC 1.1 items (stacspec.org), made with pystac."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pystac

from stormpetrel.core.ports import Document

COLLECTIONS = {
    "products": ("Sentinel products", "Announced Sentinel-1 and Sentinel-2 products"),
    "scenes": ("Scenes", "Pairs of products, registered and described, with new water"),
    "patches": ("Patches", "Patches of scenes, with their descriptors"),
}
WORLD = pystac.Extent(
    pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]),
    pystac.TemporalExtent([[datetime(2014, 4, 3, tzinfo=UTC), None]]),
)
CREDIT = "Contains modified Copernicus Sentinel data"


def bounds_of(geometry: dict[str, Any]) -> list[float]:
    """(west, south, east, north); west is larger than east where it crosses the antimeridian (RFC 7946, 5.2)."""
    lons, lats = zip(*_points(geometry["coordinates"]), strict=True)
    if max(lons) - min(lons) > 180:
        return [min(lon for lon in lons if lon > 0), min(lats), max(lon for lon in lons if lon < 0), max(lats)]
    return [min(lons), min(lats), max(lons), max(lats)]


def _points(nested: Any) -> Any:
    if isinstance(nested[0], (int, float)):
        yield nested[0], nested[1]
        return
    for inner in nested:
        yield from _points(inner)


def product_item(product: Document) -> pystac.Item:
    """The item of an announced product."""
    properties: dict[str, Any] = {
        "platform": product["_id"][:3].lower() if product["_id"][:1] == "S" else product["platform"],
        "constellation": product["platform"],
        "stormpetrel:source": product["source"],
        "product:type": product["product_type"],
    }
    if product.get("cloud_cover") is not None:
        properties["eo:cloud_cover"] = product["cloud_cover"]
    if product.get("relative_orbit") is not None:
        properties["sat:relative_orbit"] = product["relative_orbit"]
    if product.get("orbit_direction"):
        properties["sat:orbit_state"] = product["orbit_direction"]
    properties |= {"start_datetime": product["sensed_from"], "end_datetime": product["sensed_until"]}
    item = pystac.Item(
        product["_id"],
        product["footprint"],
        bounds_of(product["footprint"]),
        datetime.fromisoformat(product["sensed_from"]),
        properties,
        collection="products",
    )
    for name, href in (product.get("assets") or {}).items():
        item.add_asset(name, pystac.Asset(href, roles=["data"]))
    if product.get("location"):
        item.add_asset("product", pystac.Asset(product["location"], roles=["data"]))
    return item


def scene_item(scene: Document, address: str) -> pystac.Item:
    """The item of a described scene, with its pictures and new water as assets. `address` is the API's."""
    properties = {
        "proj:code": f"EPSG:{scene['epsg']}",
        "stormpetrel:patches": scene["patches"],
        "stormpetrel:shift_m": scene.get("shift_m"),
        "stormpetrel:new_water_confidence": scene.get("new_water_confidence"),
        "stormpetrel:problems": scene.get("problems") or [],
    }
    item = pystac.Item(
        scene["_id"],
        scene["footprint"],
        bounds_of(scene["footprint"]),
        datetime.fromisoformat(scene["sensed_at"]),
        properties,
        collection="scenes",
    )
    base, query = f"{address}/v1/scenes", f"scene_id={scene['_id']}"
    for kind in scene.get("pictures") or {}:
        picture = f"{base}/pictures/{kind}"
        _add_asset(item, kind, f"{picture}.tif?{query}", pystac.MediaType.COG, "visual")
        _add_asset(item, f"{kind}-png", f"{picture}.png?{query}", pystac.MediaType.PNG, "overview")
    if scene.get("new_water"):
        _add_asset(item, "new_water", f"{base}/new_water.geojson?{query}", pystac.MediaType.GEOJSON, "data")
    _link_products(item, scene, address)
    return item


def patch_item(patch: Document, address: str) -> pystac.Item:
    """The item of a patch, with its quick-looks as assets. `address` is the API's."""
    ring = [list(point) for point in patch["ring"]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    properties = {
        "proj:code": f"EPSG:{patch['epsg']}",
        "proj:shape": [patch["scale_level"], patch["scale_level"]],
        "eo:cloud_cover": None if patch.get("cloud_share") is None else 100 * patch["cloud_share"],
        "stormpetrel:scene": patch["scene_id"],
        "stormpetrel:water_share": patch.get("water_share"),
        "stormpetrel:new_water": patch.get("new_water"),
        "stormpetrel:statistics": patch.get("statistics") or {},
        "stormpetrel:descriptors": patch.get("models") or {},
    }
    properties = {name: value for name, value in properties.items() if value is not None}
    item = pystac.Item(
        patch["_id"],
        geometry,
        bounds_of(geometry),
        datetime.fromisoformat(patch["sensed_at"]),
        properties,
        collection="patches",
    )
    for kind in ("s1", "s2"):
        if patch.get(f"{kind}_product"):
            href = f"{address}/v1/patches/pictures/{kind}.png?patch_id={patch['_id']}"
            _add_asset(item, kind, href, pystac.MediaType.PNG, "overview")
    _link_products(item, patch, address)
    return item


def _add_asset(item: pystac.Item, name: str, href: str, media_type: str, role: str) -> None:
    item.add_asset(name, pystac.Asset(href, media_type=media_type, roles=[role]))


def _link_products(item: pystac.Item, document: Document, address: str) -> None:
    for product in (document.get("s1_product"), document.get("s2_product")):
        if product:
            target = f"{address}/v1/stac/collections/products/items/{product}"
            item.add_link(pystac.Link("derived_from", target, "application/geo+json"))


def collection(name: str) -> pystac.Collection:
    title, description = COLLECTIONS[name]
    return pystac.Collection(name, f"{description}. {CREDIT}.", WORLD, title=title, license="other")


def catalogue() -> pystac.Catalog:
    return pystac.Catalog("stormpetrel", f"Products, scenes and patches. {CREDIT}.", "Stormpetrel")
