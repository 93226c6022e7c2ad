"""Patches, scenes and products as STAC 1.1 items, with the extensions sar, sat, eo, proj, raster and view."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from stormpetrel.core.ports import Document
from stormpetrel.imagery.outlines import bounds_of, geojson_of
from stormpetrel.imagery.patches.geobox import RESOLUTION, PatchFootprint

STAC_VERSION = "1.1.0"
TITLE = "Stormpetrel"
CREDIT = "Contains modified Copernicus Sentinel data"
LICENCE = "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"
COLLECTIONS = {
    "patches": ("Patches", "Patches of scenes at three scale levels, with new water and the labels of models"),
    "products": ("Sentinel products", "Announced Sentinel-1 and Sentinel-2 products"),
    "scenes": ("Scenes", "Pairs of products, registered and described, with new water"),
}
EXTENSIONS = {
    "eo": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "proj": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "sar": "https://stac-extensions.github.io/sar/v1.0.0/schema.json",
    "sat": "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
    "view": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
}
COG, PNG, GEOJSON = "image/tiff; application=geotiff; profile=cloud-optimized", "image/png", "application/geo+json"
BANDS = {"s1": ("vv",), "s2": ("red", "green", "blue"), "change": ("change",)}
INSTRUMENTS = {"sentinel-1": "c-sar", "sentinel-2": "msi"}
_RADAR_NAME = re.compile(
    r"^S1[A-D]_(?P<mode>[A-Z0-9]{2})_(?P<kind>[A-Z]{3})(?P<class>[A-Z_])_\d(?P<level>[A-Z])(?P<pol>[SD][HV])_"
)
POLARISATIONS = {"SH": ["HH"], "SV": ["VV"], "DH": ["HH", "HV"], "DV": ["VV", "VH"]}
# ESA, Sentinel-1 Product Definition (S1-RS-MDA-52-7440), IW GRD of high resolution: metres, and looks of the mid swath.
HIGH_RESOLUTION = {
    "sar:resolution_range": 20,
    "sar:resolution_azimuth": 22,
    "sar:pixel_spacing_range": 10,
    "sar:pixel_spacing_azimuth": 10,
    "sar:looks_range": 5,
    "sar:looks_azimuth": 1,
}


def item(collection: str, document: Document, facts: Mapping[str, Any], address: str) -> dict[str, Any]:
    """The item of a document with the facts that are known of it, but for its links. `address` is the API's."""
    properties, assets = OF_COLLECTION[collection](document, address)
    everything = {
        "datetime": _moment(document["sensed_from"] if collection == "products" else document["sensed_at"]),
        **_instruments(document, facts),
        **properties,
        **_filterable(facts),
    }
    present = {name: value for name, value in everything.items() if value is not None}
    fields = [*present, *(name for asset in assets.values() for name in asset)]
    geometry = geojson_of(document)
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [url for name, url in EXTENSIONS.items() if any(f.startswith(f"{name}:") for f in fields)],
        "id": document["_id"],
        "collection": collection,
        "geometry": geometry,
        "bbox": bounds_of(geometry),
        "properties": present,
        "assets": assets,
    }


def products_of(document: Document) -> list[str]:
    """The names of the products that an item was made of."""
    return [document[field] for field in ("s1_product", "s2_product") if document.get(field)]


def _filterable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that predicates name, as predicates see them."""
    return {
        "eo:cloud_cover": facts.get("cloud_cover"),
        "sat:relative_orbit": facts.get("relative_orbit"),
        "sat:orbit_state": facts.get("orbit_state"),
        "stormpetrel:sensors": facts.get("sensors"),
        "stormpetrel:new_water": facts.get("new_water_share"),
        "stormpetrel:new_water_confidence": facts.get("new_water_confidence"),
        "stormpetrel:water": facts.get("water_share"),
        "stormpetrel:labels": facts.get("labels"),
        "stormpetrel:scene": facts.get("scene_id"),
        "stormpetrel:scale_level": facts.get("scale_level"),
    }


def _instruments(document: Document, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Whose image it is, by the names of the products; the platform is that of the image that gave it its time."""
    names = products_of(document) or [document["_id"]]
    satellite = re.match(r"^S([12][A-D])_", names[0])
    sensors = facts.get("sensors") or []
    radar = next((_radar(name) for name in names if _RADAR_NAME.match(name)), {})
    return {
        "constellation": sensors[0] if sensors else None,
        "mission": facts.get("mission"),
        "platform": f"sentinel-{satellite[1].lower()}" if satellite else None,
        "instruments": [INSTRUMENTS[sensor] for sensor in sensors] or None,
        **radar,
    }


def _radar(name: str) -> dict[str, Any]:
    """The radar's mode by the product's name (ESA naming conventions)."""
    named = _RADAR_NAME.match(name)
    if named is None:
        return {}
    absolute = re.search(r"_(\d{6})_[0-9A-F]{6}_[0-9A-F]{4}$", name)
    is_high = (named["mode"], named["kind"], named["class"]) == ("IW", "GRD", "H")
    return {
        "sar:instrument_mode": named["mode"],
        "sar:frequency_band": "C",
        "sar:center_frequency": 5.405,
        "sar:polarizations": POLARISATIONS[named["pol"]],
        "sar:product_type": named["kind"],
        "sar:observation_direction": "right",
        **(HIGH_RESOLUTION if is_high else {}),
        "sat:absolute_orbit": int(absolute[1]) if absolute else None,
    }


def _of_product(product: Document, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    properties = {
        "start_datetime": _moment(product["sensed_from"]),
        "end_datetime": _moment(product["sensed_until"]),
        "product:type": product["product_type"],
        "stormpetrel:source": product["source"],
    }
    assets = {name: {"href": href, "roles": ["data"]} for name, href in (product.get("assets") or {}).items()}
    if product.get("location"):
        assets["product"] = {"href": product["location"], "roles": ["data"]}
    return properties, assets


def _of_scene(scene: Document, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    properties = {
        **_grid(scene["epsg"], tuple(scene["bounds"])),
        "created": _moment(scene["described_at"]),
        "stormpetrel:patches": scene["patches"],
        "stormpetrel:shift_m": scene.get("shift_m"),
        "stormpetrel:reference": scene.get("reference"),
        "stormpetrel:problems": scene.get("problems") or [],
    }
    base, query = f"{address}/v1/scenes", f"scene_id={quote(scene['_id'], safe='')}"
    assets: dict[str, Any] = {}
    for kind in scene.get("pictures") or {}:
        picture = f"{base}/pictures/{kind}"
        cog = _asset(f"{picture}.tif?{query}", COG, "visual")
        assets[kind] = {**cog, "raster:bands": _bands(kind)} if kind in BANDS else cog
        assets[f"{kind}-png"] = _asset(f"{picture}.png?{query}", PNG, "overview")
    if scene.get("new_water"):
        assets["new_water"] = _asset(f"{base}/new_water.geojson?{query}", GEOJSON, "data")
    return properties, assets


def _of_patch(patch: Document, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    footprint = PatchFootprint(patch["epsg"], patch["scale_level"], patch["row"], patch["column"])
    properties = {
        **_grid(patch["epsg"], footprint.bounds),
        "created": _moment(patch["described_at"]),
        "stormpetrel:nodata": patch.get("nodata_share"),
        "stormpetrel:reference": (patch.get("new_water") or {}).get("reference"),
        "stormpetrel:statistics": patch.get("statistics") or {},
        "stormpetrel:descriptors": patch.get("models") or {},
    }
    query = f"patch_id={quote(patch['_id'], safe='')}"
    kinds = [kind for kind in ("s1", "s2") if patch.get(f"{kind}_product")]
    pictures = f"{address}/v1/patches/pictures"
    return properties, {kind: _asset(f"{pictures}/{kind}.png?{query}", PNG, "overview") for kind in kinds}


OF_COLLECTION = {"patches": _of_patch, "products": _of_product, "scenes": _of_scene}


def _grid(epsg: int, bounds: tuple[float, float, float, float]) -> dict[str, Any]:
    """The pixel grid of 10 m; the transform is row by row: x is its first three numbers, y the next, as in rasterio."""
    west, south, east, north = bounds
    return {
        "gsd": RESOLUTION,
        "proj:code": f"EPSG:{epsg}",
        "proj:bbox": [west, south, east, north],
        "proj:shape": [round((north - south) / RESOLUTION), round((east - west) / RESOLUTION)],
        "proj:transform": [RESOLUTION, 0.0, west, 0.0, -RESOLUTION, north],
    }


def _bands(kind: str) -> list[dict[str, Any]]:
    return [{"data_type": "uint8", "nodata": 0, "spatial_resolution": RESOLUTION} for _ in BANDS[kind]]


def _asset(href: str, media_type: str, role: str) -> dict[str, Any]:
    return {"href": href, "type": media_type, "roles": [role]}


def _moment(text: str) -> str:
    """RFC 3339 in UTC, as STAC has it."""
    return re.sub(r"\+00:00$", "Z", text)


def collection(name: str) -> dict[str, Any]:
    """A collection, but for its links."""
    title, description = COLLECTIONS[name]
    world, since = [[-180.0, -90.0, 180.0, 90.0]], [["2014-04-03T00:00:00Z", None]]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": name,
        "title": title,
        "description": f"{description}. {CREDIT}.",
        "license": "other",
        "extent": {"spatial": {"bbox": world}, "temporal": {"interval": since}},
    }


def catalogue() -> dict[str, Any]:
    """The catalogue of all collections, but for its links."""
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": "stormpetrel",
        "title": TITLE,
        "description": f"Patches, scenes and products. {CREDIT}.",
    }
