"""Items of any STAC API: CDSE, Earth Search, Planetary Computer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import plain_name, read_name

# What an item's assets are called for what we read; the first that is there counts.
OPTICAL = {
    "B02": ("B02_10m", "B02", "blue"),
    "B03": ("B03_10m", "B03", "green"),
    "B04": ("B04_10m", "B04", "red"),
    "B08": ("B08_10m", "B08", "nir"),
    "SCL": ("SCL_20m", "SCL", "scl"),
}
RADAR = {"vv": ("vv", "VV"), "vh": ("vh", "VH"), "hh": ("hh", "HH"), "hv": ("hv", "HV")}
ANNOTATIONS = ("calibration", "noise")


def item(record: dict[str, Any], at: datetime, source: str = "stac") -> ProductAnnounced | None:
    """A product as a STAC item describes it; None where it is none that is worked on. Raises MalformedRecord."""
    properties = record.get("properties") or {}
    # An item's own id may be the catalogue's; the product's is what two catalogues share.
    name = str(properties.get("s2:product_uri") or properties.get("s1:product_identifier") or record.get("id") or "")
    named = read_name(name)
    if named is None:
        return None
    assets = record.get("assets") or {}
    wanted = OPTICAL if named.platform == "sentinel-2" else RADAR
    links = {}
    for part, keys in wanted.items():
        found = next((key for key in keys if key in assets), None)
        if found is not None:
            links[part] = _href(assets[found], record)
    links |= {
        f"{key}.xml": _href(asset, record)
        for key, asset in assets.items()
        if any(kind in key.lower() for kind in ANNOTATIONS)
    }
    start = properties.get("start_datetime") or properties.get("datetime")
    try:
        return ProductAnnounced(
            product_name=plain_name(name),
            platform=named.platform,
            product_type=str(properties.get("product:type") or properties.get("s2:product_type") or named.product_type),
            sensed_from=start,
            sensed_until=properties.get("end_datetime") or start,
            footprint=mapping(split_at_antimeridian(shapely.make_valid(shape(record["geometry"])))),
            published_at=properties.get("published") or properties.get("created"),
            cloud_cover=properties.get("eo:cloud_cover"),
            relative_orbit=properties.get("sat:relative_orbit") or named.relative_orbit,
            orbit_direction=properties.get("sat:orbit_state"),
            assets=links,
            reflectance_offset=0 if properties.get("earthsearch:boa_offset_applied") else None,
            revision=str(properties.get("updated") or properties.get("created") or ""),
            source=source,
            announced_at=at,
        )
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise MalformedRecord(f"STAC item {record.get('id')}: {str(error).splitlines()[0]}") from error


def _href(asset: dict[str, Any], record: dict[str, Any]) -> str:
    """Absolute: a relative one starts at the item's own address (STAC item specification)."""
    href = str(asset.get("href"))
    if "://" in href or href.startswith("/"):
        return href
    own = next((link["href"] for link in record.get("links") or [] if link.get("rel") == "self"), "")
    return f"{own.rsplit('/', 1)[0]}/{href}" if own else href
