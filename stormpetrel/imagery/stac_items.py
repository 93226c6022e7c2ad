"""Products, scenes' patches as STAC 1.1 items (stacspec.org), made with pystac."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pystac

from stormpetrel.core.ports import Document

COLLECTIONS = {
    "products": ("Sentinel products", "Sentinel-1 and Sentinel-2 products that were announced"),
    "scenes": ("Scenes", "Pairs of products, registered and described, with the water that is new"),
    "patches": ("Patches", "Squares of ground with their descriptors, as one scene saw them"),
}
WORLD = pystac.Extent(
    pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]),
    pystac.TemporalExtent([[datetime(2014, 4, 3, tzinfo=UTC), None]]),
)
CREDIT = "Contains modified Copernicus Sentinel data"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def bounds_of(geometry: dict[str, Any]) -> list[float]:
    """(west, south, east, north); west is larger than east where it crosses the antimeridian (RFC 7946, 5.2)."""
    points = list(_points(geometry["coordinates"]))
    lons, lats = [lon for lon, _ in points], [lat for _, lat in points]
    if max(lons) - min(lons) > 180:
        return [min(lon for lon in lons if lon > 0), min(lats), max(lon for lon in lons if lon < 0), max(lats)]
    return [min(lons), min(lats), max(lons), max(lats)]


def _points(nested: Any) -> Any:
    if isinstance(nested[0], (int, float)):
        yield nested[0], nested[1]
        return
    for inner in nested:
        yield from _points(inner)


def product_item(found: Document) -> pystac.Item:
    """A product, as it was announced."""
    properties: dict[str, Any] = {
        "platform": found["_id"][:3].lower() if found["_id"][:1] == "S" else found["platform"],
        "constellation": found["platform"],
        "stormpetrel:source": found["source"],
        "product:type": found["product_type"],
    }
    if found.get("cloud_cover") is not None:
        properties["eo:cloud_cover"] = found["cloud_cover"]
    if found.get("relative_orbit") is not None:
        properties["sat:relative_orbit"] = found["relative_orbit"]
    if found.get("orbit_direction"):
        properties["sat:orbit_state"] = found["orbit_direction"]
    properties |= {"start_datetime": found["sensed_from"], "end_datetime": found["sensed_until"]}
    item = pystac.Item(
        found["_id"],
        found["footprint"],
        bounds_of(found["footprint"]),
        _moment(found["sensed_from"]),
        properties,
        collection="products",
    )
    for name, href in (found.get("assets") or {}).items():
        item.add_asset(name, pystac.Asset(href, roles=["data"]))
    if found.get("location"):
        item.add_asset("product", pystac.Asset(found["location"], roles=["data"]))
    return item


def scene_item(found: Document, address: str) -> pystac.Item:
    """A described scene, with its pictures and its new water as assets. `address` is the API's own."""
    properties = {
        "proj:code": f"EPSG:{found['epsg']}",
        "stormpetrel:patches": found["patches"],
        "stormpetrel:shift_m": found.get("shift_m"),
        "stormpetrel:new_water_confidence": found.get("new_water_confidence"),
        "stormpetrel:problems": found.get("problems") or [],
    }
    item = pystac.Item(
        found["_id"],
        found["footprint"],
        bounds_of(found["footprint"]),
        _moment(found["sensed_at"]),
        properties,
        collection="scenes",
    )
    for kind in found.get("pictures") or {}:
        base = f"{address}/v1/scenes/pictures/{kind}"
        item.add_asset(
            kind, pystac.Asset(f"{base}.tif?scene_id={found['_id']}", media_type=pystac.MediaType.COG, roles=["visual"])
        )
        item.add_asset(
            f"{kind}-png",
            pystac.Asset(f"{base}.png?scene_id={found['_id']}", media_type=pystac.MediaType.PNG, roles=["overview"]),
        )
    if found.get("new_water"):
        href = f"{address}/v1/scenes/new_water.geojson?scene_id={found['_id']}"
        item.add_asset("new_water", pystac.Asset(href, media_type=pystac.MediaType.GEOJSON, roles=["data"]))
    _derived(item, found, address)
    return item


def patch_item(found: Document, address: str) -> pystac.Item:
    """A patch, with its quick-looks."""
    ring = [list(point) for point in found["ring"]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    properties = {
        "proj:code": f"EPSG:{found['epsg']}",
        "proj:shape": [found["scale_level"], found["scale_level"]],
        "eo:cloud_cover": None if found.get("cloud_share") is None else 100 * found["cloud_share"],
        "stormpetrel:scene": found["scene_id"],
        "stormpetrel:water_share": found.get("water_share"),
        "stormpetrel:new_water": found.get("new_water"),
        "stormpetrel:statistics": found.get("statistics") or {},
        "stormpetrel:descriptors": found.get("models") or {},
    }
    properties = {name: value for name, value in properties.items() if value is not None}
    item = pystac.Item(
        found["_id"], geometry, bounds_of(geometry), _moment(found["sensed_at"]), properties, collection="patches"
    )
    kinds = [kind for kind, product in (("s1", found.get("s1_product")), ("s2", found.get("s2_product"))) if product]
    for kind in kinds:
        href = f"{address}/v1/patches/pictures/{kind}.png?patch_id={found['_id']}"
        item.add_asset(kind, pystac.Asset(href, media_type=pystac.MediaType.PNG, roles=["overview"]))
    _derived(item, found, address)
    return item


def _derived(item: pystac.Item, found: Document, address: str) -> None:
    for product in (found.get("s1_product"), found.get("s2_product")):
        if product:
            target = f"{address}/v1/stac/collections/products/items/{product}"
            item.add_link(pystac.Link("derived_from", target, "application/geo+json"))


def collection(name: str) -> pystac.Collection:
    title, description = COLLECTIONS[name]
    return pystac.Collection(name, f"{description}. {CREDIT}.", WORLD, title=title, license="other")


def catalogue() -> pystac.Catalog:
    return pystac.Catalog("stormpetrel", f"Products, scenes and patches. {CREDIT}.", "Stormpetrel")
