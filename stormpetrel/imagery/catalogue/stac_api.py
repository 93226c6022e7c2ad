"""Items of any STAC API: CDSE, Earth Search, Planetary Computer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.catalogue.announcement import announced, parsing
from stormpetrel.imagery.product_names import parse_name, plain_name
from stormpetrel.imagery.readers.locations import announced_path, checked_address, is_address

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


def item(
    record: Any, announced_at: datetime, source: str = "stac", root: Path | None = None
) -> ProductAnnounced | None:
    """A product from its STAC item; None where its name is no Sentinel product's.

    Assets of an item in a file of the operator's may be paths below `root`; those of one from the network may not.
    Raises MalformedRecord.
    """
    with parsing("the STAC item"):
        properties = record.get("properties") or {}
        # An item's id may be the catalogue's; catalogues share the product's name.
        name = str(
            properties.get("s2:product_uri") or properties.get("s1:product_identifier") or record.get("id") or ""
        )
        parsed = parse_name(name)
    if parsed is None:
        return None
    with parsing(f"STAC item {name}"):
        start = properties.get("start_datetime") or properties.get("datetime")
        links = _links(record, OPTICAL if parsed.platform == "sentinel-2" else RADAR, root)
        return announced(
            record["geometry"],
            product_name=plain_name(name),
            platform=parsed.platform,
            product_type=properties.get("product:type") or properties.get("s2:product_type") or parsed.product_type,
            sensed_from=start,
            sensed_until=properties.get("end_datetime") or start,
            published_at=properties.get("published") or properties.get("created"),
            cloud_cover=properties.get("eo:cloud_cover"),
            relative_orbit=properties.get("sat:relative_orbit") or parsed.relative_orbit,
            orbit_direction=properties.get("sat:orbit_state"),
            assets=links,
            size=_size(record, links),
            reflectance_offset=0 if properties.get("earthsearch:boa_offset_applied") else None,
            revision=str(properties.get("updated") or properties.get("created") or ""),
            source="files" if any(not is_address(link) for link in links.values()) else source,
            announced_at=announced_at,
        )


def _size(record: dict[str, Any], links: Mapping[str, str]) -> int | None:
    """The bytes of the files that are read, by the extension File; None where one does not say its size."""
    assets = [asset for asset in (record.get("assets") or {}).values() if asset.get("href") in set(links.values())]
    sizes = [asset.get("file:size") for asset in assets]
    return sum(sizes) if sizes and all(isinstance(size, int) and size >= 0 for size in sizes) else None


def _links(record: dict[str, Any], names: Mapping[str, tuple[str, ...]], root: Path | None) -> dict[str, str]:
    assets = record.get("assets") or {}
    # From the last name to the first: the first that an item has is left.
    links = {band: assets[key] for band, keys in names.items() for key in keys[::-1] if key in assets}
    links |= {f"{key}.xml": asset for key, asset in assets.items() if ANNOTATION.search(key)}
    return {name: _href(asset, record, root) for name, asset in links.items()}


def _href(asset: dict[str, Any], record: dict[str, Any], root: Path | None) -> str:
    """The asset's absolute address; a relative one starts at the item's (STAC item specification)."""
    href = str(asset["href"])
    if not is_address(href) and not href.startswith(("/", "file://")):
        base = next((link["href"] for link in record.get("links") or [] if link.get("rel") == "self"), "")
        href = f"{base.rsplit('/', 1)[0]}/{href}" if base else href
    if not is_address(href):
        return str(announced_path(href, root))
    checked_address(href)
    return href
