"""Products, scenes and patches as STAC 1.1 items (stacspec.org), made with pystac."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pystac
import shapely

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
    lons, lats = shapely.get_coordinates(shapely.geometry.shape(geometry)).T
    if np.ptp(lons) > 180:
        return [float(bound) for bound in (lons[lons > 0].min(), lats.min(), lons[lons < 0].max(), lats.max())]
    return [float(bound) for bound in (lons.min(), lats.min(), lons.max(), lats.max())]


def product_item(product: Document) -> pystac.Item:
    """The item of an announced product."""
    properties: dict[str, Any] = {
        "platform": product["_id"][:3].lower() if product["_id"][:1] == "S" else product["platform"],
        "constellation": product["platform"],
        "stormpetrel:source": product["source"],
        "product:type": product["product_type"],
        "eo:cloud_cover": product.get("cloud_cover"),
        "sat:relative_orbit": product.get("relative_orbit"),
        "sat:orbit_state": product.get("orbit_direction"),
        "start_datetime": product["sensed_from"],
        "end_datetime": product["sensed_until"],
    }
    item = _item("products", product, product["sensed_from"], product["footprint"], _present(properties))
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
    item = _item("scenes", scene, scene["sensed_at"], scene["footprint"], properties)
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
    geometry = {"type": "Polygon", "coordinates": [[list(point) for point in patch["ring"]]]}
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
    item = _item("patches", patch, patch["sensed_at"], geometry, _present(properties))
    for kind in ("s1", "s2"):
        if patch.get(f"{kind}_product"):
            href = f"{address}/v1/patches/pictures/{kind}.png?patch_id={patch['_id']}"
            _add_asset(item, kind, href, pystac.MediaType.PNG, "overview")
    _link_products(item, patch, address)
    return item


def _present(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}


def _item(collection: str, document: Document, sensed_at: str, geometry: Any, properties: Any) -> pystac.Item:
    at, bounds = datetime.fromisoformat(sensed_at), bounds_of(geometry)
    return pystac.Item(document["_id"], geometry, bounds, at, properties, collection=collection)


def _add_asset(item: pystac.Item, name: str, href: str, media_type: str, role: str) -> None:
    item.add_asset(name, pystac.Asset(href, media_type=media_type, roles=[role]))


def _link_products(item: pystac.Item, document: Document, address: str) -> None:
    for sensor in ("s1", "s2"):
        if product := document.get(f"{sensor}_product"):
            target = f"{address}/v1/stac/collections/products/items/{product}"
            item.add_link(pystac.Link("derived_from", target, "application/geo+json"))


def collection(name: str) -> pystac.Collection:
    title, description = COLLECTIONS[name]
    return pystac.Collection(name, f"{description}. {CREDIT}.", WORLD, title=title, license="other")


def catalogue() -> pystac.Catalog:
    return pystac.Catalog("stormpetrel", f"Products, scenes and patches. {CREDIT}.", "Stormpetrel")
