"""What patches and scenes are filtered by, beside their place: one value for one name, wherever it is asked for."""

from __future__ import annotations

from typing import Any

from stormpetrel.core.ports import Document
from stormpetrel.imagery.product_names import parse_name

SENSORS = {"s1_product": "sentinel-1", "s2_product": "sentinel-2"}


def facts_of(described: Document) -> dict[str, Any]:
    """The facts of a patch's or a scene's document; what is not known is left out.

    `sensors` are `sentinel-1` and `sentinel-2`. `relative_orbit` (1 to 175) and `orbit_state` (`ascending`,
    `descending`) are those of the radar image, or of the optical one where it is alone. `cloud_cover` is in per cent of
    the patch. `new_water_share` and `water_share` are shares of its valid pixels, `new_water_confidence` is 0 to 1: all
    three of 0 to 1. New water is not known without a reference image, and where too little of it was seen.
    """
    new_water = described.get("new_water") or {}
    cloud_share = described.get("cloud_share")
    facts = {
        "sensors": [sensor for field, sensor in SENSORS.items() if described.get(field)],
        "relative_orbit": _relative_orbit(described),
        "orbit_state": described.get("orbit_direction"),
        "cloud_cover": None if cloud_share is None else round(100 * cloud_share, 3),
        "new_water_share": new_water.get("share"),
        "new_water_confidence": new_water.get("confidence", described.get("new_water_confidence")),
        "water_share": described.get("water_share"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def facts_of_product(product: Document) -> dict[str, Any]:
    """The same facts of a product's document."""
    facts = {
        "sensors": [product["platform"]],
        "relative_orbit": product.get("relative_orbit"),
        "orbit_state": product.get("orbit_direction"),
        "cloud_cover": product.get("cloud_cover"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _relative_orbit(described: Document) -> int | None:
    name = described.get("s1_product") or described.get("s2_product")
    parsed = parse_name(name) if name else None
    return parsed.relative_orbit if parsed else None
