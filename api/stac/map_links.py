"""Links from a scene's item to its map tiles: the STAC extension Web Map Links."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from stormpetrel.core.ports import Document
from stormpetrel.imagery.tiles.layers import layers_of

WEB_MAP_LINKS = "https://stac-extensions.github.io/web-map-links/v1.2.0/schema.json"
PNG = "image/png"


def map_links(scene: Document, server: str) -> list[dict[str, Any]]:
    """A link `xyz` for each layer of a scene, and one `wmts` for all; none where it has no picture. `server` is the
    address of the API."""
    layers = layers_of(scene.get("pictures") or {})
    if not layers:
        return []
    tiles = f"{server}/v1/tiles/{quote(scene['_id'], safe='')}"
    wmts = {"rel": "wmts", "href": f"{tiles}/WMTSCapabilities.xml", "type": PNG, "wmts:layer": list(layers)}
    return [
        *(
            {"rel": "xyz", "href": f"{tiles}/{name}/{{z}}/{{x}}/{{y}}.png", "type": PNG, "title": layer.title}
            for name, layer in layers.items()
        ),
        wmts,
    ]
