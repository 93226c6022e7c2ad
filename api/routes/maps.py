"""The classification map of a scene."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response

from api.dependencies import models
from api.schemas.scope import Descriptor, ScaleLevel, ScopedRequest
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.inference.predictions import SceneClasses, classify_scene

router = APIRouter(prefix="/v1/maps", tags=["annotation"])
FORMATS = ("tif", "geojson", "png")


@router.get("/{form}")
def classification_map(
    form: str,
    scene_id: Annotated[str, Query(min_length=3)],
    labels: Annotated[list[LabelId], Query(max_length=12)],
    collection: CollectionId = "patches",
    scale_level: ScaleLevel = 120,
    vector: Descriptor = "fused",
    models: LabelModels = Depends(models),
) -> Response:
    """A scene's patches by the label whose model is surest: `tif` (GeoTIFF), `geojson`, or `png` with its legend."""
    if form not in FORMATS:
        raise NotFound(f"there is no map of format {form!r}; there are {', '.join(FORMATS)}")
    within = Predicate(scene_id=scene_id)
    request = ScopedRequest(collection=collection, vector=vector, scale_level=scale_level, within=within)
    return _rendered(classify_scene(models, request.scope, labels), form)


def _rendered(scene: SceneClasses, form: str) -> Response:
    from stormpetrel.imagery.classmap import ClassMap

    footprints = tuple(
        PatchFootprint(patch.epsg, patch.scale_level, patch.row, patch.column) for patch in scene.patches
    )
    classification = ClassMap(scene.labels, footprints, scene.classes, scene.scores)
    if form == "geojson":
        return JSONResponse(classification.geojson(), media_type="application/geo+json")
    if form == "png":
        return Response(classification.png(scene.titles), media_type="image/png")
    return Response(classification.geotiff(), media_type="image/tiff; application=geotiff")
