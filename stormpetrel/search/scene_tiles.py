"""Tiles of the scenes that are indexed: a scene's layers, and a tile with the tag by which a browser keeps it."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stormpetrel.core.errors import NotFound
from stormpetrel.core.ports import DocumentReader
from stormpetrel.imagery.tiles.kept_tiles import KeptTiles
from stormpetrel.imagery.tiles.layers import REMEDY, Layer, TileForm, layers_of
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.search.documents import scene_document

KNOWN_FOR_S = 5.0  # a scene's document may have megabytes of polygons, and a map asks for fifty tiles at once
MOST_KNOWN = 256
DRAWING_VERSION = 1  # of tags: raise it where the same picture is drawn in another way


@dataclass(frozen=True)
class TiledScene:
    """A scene as tiles show it: its layers by name, and where its pixels lie (metres of the UTM zone `epsg`)."""

    scene_id: str
    layers: Mapping[str, Layer]
    epsg: int
    bounds: tuple[float, float, float, float]
    sensed_at: str


@dataclass(frozen=True)
class TileSource:
    """What a tile is drawn from. `tag` changes with the picture."""

    path: Path
    layer: Layer
    tile: TileAddress
    form: TileForm
    tag: str


class SceneTiles:
    """The tiles of all scenes. Threads share it; all methods that take a scene's id raise StoreUnavailable."""

    def __init__(self, documents: DocumentReader, picture_folder: Callable[[str], Path], most_bytes: float) -> None:
        self._documents, self._picture_folder = documents, picture_folder
        self._kept_tiles = KeptTiles(most_bytes)
        self._known: OrderedDict[str, tuple[float, TiledScene]] = OrderedDict()

    def scene(self, scene_id: str) -> TiledScene:
        """Raises NotFound where no such scene is indexed, or it has no picture."""
        moment = time.monotonic()
        read_at, known = self._known.get(scene_id, (-KNOWN_FOR_S, None))
        if known is not None and moment - read_at < KNOWN_FOR_S:
            return known
        self._known.pop(scene_id, None)
        document = scene_document(self._documents, scene_id)
        layers = layers_of(document.get("pictures") or {})
        if not layers:
            raise NotFound(f"scene {scene_id} has no picture, so it has no tiles")
        west, south, east, north = document["bounds"]
        scene = TiledScene(scene_id, layers, document["epsg"], (west, south, east, north), document["sensed_at"])
        while len(self._known) >= MOST_KNOWN:
            self._known.popitem(last=False)
        self._known[scene_id] = (moment, scene)
        return scene

    def source(self, scene_id: str, layer_name: str, tile: TileAddress, form: TileForm) -> TileSource:
        """Raises NotFound where there is no such scene or layer, or its picture is gone."""
        scene = self.scene(scene_id)
        layer = scene.layers.get(layer_name)
        if layer is None:
            names = ", ".join(scene.layers)
            raise NotFound(f"scene {scene_id} has no layer {layer_name[:40]!r}; it has {names}")
        path = self._picture_folder(scene_id) / f"{layer.picture}.tif"
        try:
            state = path.stat()
        except OSError as error:
            raise NotFound(f"the picture {path.name} of scene {scene_id} is gone; {REMEDY}") from error
        version = (DRAWING_VERSION, path, state.st_mtime_ns, state.st_size, layer_name, tile, form)
        return TileSource(path, layer, tile, form, hashlib.sha256(repr(version).encode()).hexdigest()[:32])

    def tile(self, source: TileSource) -> bytes:
        """The tile; empty where the scene has no pixel in it. Raises NotFound where the picture has gone, BadProduct
        where it is broken."""
        kept = self._kept_tiles.get(source.tag)
        if kept is not None:
            return kept
        # Its library takes 70 MiB and three seconds: an API that nobody asks for tiles does without.
        from stormpetrel.imagery.tiles.drawing import draw

        drawn = draw(source.path, source.layer, source.tile, source.form)
        self._kept_tiles.keep(source.tag, drawn)
        return drawn
