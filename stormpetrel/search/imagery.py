"""Scenes, patches and products as they are listed: the newest, those of a scene, those with the most new water."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stormpetrel.core.errors import NotFound
from stormpetrel.core.ids import PatchId
from stormpetrel.core.ports import Document, DocumentReader, Filter, OrderQuery, VectorReader, VectorScanner
from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.search.documents import CollectionNames, patch_document, scene_document, shown


class PatchIndex(VectorReader, VectorScanner, Protocol):
    """The index of patches: searched, and listed whole."""


@dataclass(frozen=True)
class ImageryCatalogue:
    """`picture_folder` is the folder of a scene's pictures, by the scene's id. All methods raise StoreUnavailable."""

    index: PatchIndex
    documents: DocumentReader
    collections: CollectionNames
    picture_folder: Callable[[str], Path]

    def newest_scenes(self, limit: int) -> list[Document]:
        """By the time they were sensed, without the polygons of their new water."""
        scenes = self.documents.newest("scenes", "time", limit)
        return [{key: value for key, value in scene.items() if key not in ("_id", "new_water")} for scene in scenes]

    def picture(self, scene_id: str, kind: str) -> Path:
        """The GeoTIFF of a scene's picture: `s1`, `s2` or `change`. Raises NotFound."""
        scene_document(self.documents, scene_id)
        path = self.picture_folder(scene_id) / f"{kind}.tif"
        if not path.is_file():
            raise NotFound(f"scene {scene_id} has no {kind} picture")
        return path

    def new_water(self, scene_id: str) -> dict[str, Any]:
        """A GeoJSON feature collection of a scene's new water. Raises NotFound."""
        scene = scene_document(self.documents, scene_id)
        if scene.get("new_water") is None:
            raise NotFound(f"scene {scene_id} has no reference image: its new water is not known")
        properties = {"reference": scene.get("reference"), "confidence": scene.get("new_water_confidence")}
        return {**scene["new_water"], "properties": properties}

    def patch(self, patch_id: str) -> Document:
        """Raises NotFound."""
        return shown(patch_document(self.documents, patch_id))

    def patch_picture(self, patch_id: str, kind: str) -> tuple[Path, PatchFootprint]:
        """The GeoTIFF of the patch's scene, and the part of it that is the patch. Raises NotFound."""
        patch = patch_document(self.documents, patch_id)
        footprint = PatchFootprint(patch["epsg"], patch["scale_level"], patch["row"], patch["column"])
        return self.picture_folder(patch["scene_id"]) / f"{kind}.tif", footprint

    def grid(self, scene_id: str, scale_level: str) -> tuple[int, list[tuple[int, int]]]:
        """The EPSG code of a scene's grid, and the (row, column) of each of its patches of a scale level, from north
        to south, then from west to east. Rows count northwards. Raises NotFound."""
        epsg = int(scene_document(self.documents, scene_id)["epsg"])
        within = Filter(any_of={"scene_id": [scene_id], "scale_level": [scale_level]})
        patches = map(PatchId.parse, self.index.ids(self.collections.patches, within))
        squares = [(patch.row, patch.column) for patch in patches if patch]
        return epsg, sorted(squares, key=lambda square: (-square[0], square[1]))

    def patches_by_new_water(self, scene_id: str | None, scale_level: str, limit: int) -> list[Document]:
        """The patches with the most new water, of a scene or of all."""
        within = Filter(any_of={"scale_level": [scale_level], **({"scene_id": [scene_id]} if scene_id else {})})
        (hits,) = self.index.query(self.collections.patches, [OrderQuery("new_water", "desc", None, within, limit)])
        ids = [hit.payload["id"] for hit in hits]
        patches = self.documents.get("patches", ids)
        return [shown(patches[patch_id]) for patch_id in ids if patch_id in patches]
