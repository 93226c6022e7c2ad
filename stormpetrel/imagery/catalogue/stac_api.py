"""Items of any STAC API: CDSE, Earth Search, Planetary Computer."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import parse_name, plain_name

# The names that catalogues give to the assets of a band; the first that an item has counts.
OPTICAL = {
    "B02": ("B02_10m", "B02", "blue"),
    "B03": ("B03_10m", "B03", "green"),
    "B04": ("B04_10m", "B04", "red"),
    "B08": ("B08_10m", "B08", "nir"),
    "SCL": ("SCL_20m", "SCL", "scl"),
}
RADAR = {"vv": ("vv", "VV"), "vh": ("vh", "VH"), "hh": ("hh", "HH"), "hv": ("hv", "HV")}
ANNOTATION = re.compile("calibration|noise", re.IGNORECASE)


def item(record: dict[str, Any], announced_at: datetime, source: str = "stac") -> ProductAnnounced | None:
    """A product from its STAC item; None where its name is no Sentinel product's. Raises MalformedRecord."""
    properties = record.get("properties") or {}
    # An item's id may be the catalogue's; catalogues share the product's name.
    name = str(properties.get("s2:product_uri") or properties.get("s1:product_identifier") or record.get("id") or "")
    parsed = parse_name(name)
    if parsed is None:
        return None
    assets = record.get("assets") or {}
    names = OPTICAL if parsed.platform == "sentinel-2" else RADAR
    # From the last name to the first: the first that an item has is left.
    links = {band: _href(assets[key], record) for band, keys in names.items() for key in keys[::-1] if key in assets}
    links |= {f"{key}.xml": _href(asset, record) for key, asset in assets.items() if ANNOTATION.search(key)}
    start = properties.get("start_datetime") or properties.get("datetime")
    try:
        return ProductAnnounced(
            product_name=plain_name(name),
            platform=parsed.platform,
            product_type=properties.get("product:type") or properties.get("s2:product_type") or parsed.product_type,
            sensed_from=start,
            sensed_until=properties.get("end_datetime") or start,
            footprint=mapping(split_at_antimeridian(shapely.make_valid(shape(record["geometry"])))),
            published_at=properties.get("published") or properties.get("created"),
            cloud_cover=properties.get("eo:cloud_cover"),
            relative_orbit=properties.get("sat:relative_orbit") or parsed.relative_orbit,
            orbit_direction=properties.get("sat:orbit_state"),
            assets=links,
            reflectance_offset=0 if properties.get("earthsearch:boa_offset_applied") else None,
            revision=str(properties.get("updated") or properties.get("created") or ""),
            source=source,
            announced_at=announced_at,
        )
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise MalformedRecord(f"STAC item {record.get('id')}: {str(error).splitlines()[0]}") from error


def _href(asset: dict[str, Any], record: dict[str, Any]) -> str:
    """The asset's absolute address; a relative one starts at the item's (STAC item specification)."""
    href = str(asset.get("href"))
    if "://" in href or href.startswith("/"):
        return href
    base = next((link["href"] for link in record.get("links") or [] if link.get("rel") == "self"), "")
    return f"{base.rsplit('/', 1)[0]}/{href}" if base else href
