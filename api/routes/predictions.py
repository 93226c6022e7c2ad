"""Predictions of a label's model, stored and read, and the classification map of a scene."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from api.dependencies import ModelsDependency
from api.scoped_request import Descriptor, ScaleLevel, ScopedRequest
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.inference import predictions
from stormpetrel.learning.inference.predictions import SceneClasses, classify_scene

router = APIRouter(prefix="/v1", tags=["annotation"])
MAP_FORMATS = ("tif", "geojson", "png")


class StoreRequest(ScopedRequest):
    """Whose predictions to store."""

    label: LabelId


@router.post("/feedback/store", status_code=202)
def store_predictions(request: StoreRequest, models: ModelsDependency) -> dict[str, Any]:
    """Stores what the label's model predicts of everything in scope; GET /v1/predictions has it when it is indexed."""
    return predictions.store_predictions(models, request.scope, request.label)


@router.get("/predictions")
def stored_predictions(
    models: ModelsDependency,
    collection: CollectionId,
    label: LabelId,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: int | None = None,
) -> dict[str, Any]:
    """The stored predictions of a label, the surest first; `before` is the `rank` of the last one of the page
    before."""
    documents = models.annotations.documents
    return predictions.stored_predictions(documents, Collection.parse(collection), label, limit, before)


@router.get("/maps/{form}")
def classification_map(
    models: ModelsDependency,
    form: str,
    scene_id: Annotated[str, Query(min_length=3)],
    labels: Annotated[list[LabelId], Query(max_length=12)],
    collection: CollectionId = "patches",
    scale_level: ScaleLevel = 120,
    vector: Descriptor = "fused",
) -> Response:
    """A scene's patches by the label whose model is surest: `tif` (GeoTIFF), `geojson`, or `png` with its legend."""
    if form not in MAP_FORMATS:
        raise NotFound(f"there is no map of format {form!r}; there are {', '.join(MAP_FORMATS)}")
    within = Predicate(scene_id=scene_id)
    request = ScopedRequest(collection=collection, vector=vector, scale_level=scale_level, within=within)
    return _rendered(classify_scene(models, request.scope, labels), form)


def _rendered(scene: SceneClasses, form: str) -> Response:
    from stormpetrel.imagery.classmap import ClassMap

    footprints = (PatchFootprint(patch.epsg, patch.scale_level, patch.row, patch.column) for patch in scene.patches)
    classification = ClassMap(scene.labels, tuple(footprints), scene.classes, scene.scores)
    if form == "geojson":
        return JSONResponse(classification.geojson(), media_type="application/geo+json")
    if form == "png":
        return Response(classification.png(scene.titles), media_type="image/png")
    return Response(classification.geotiff(), media_type="image/tiff; application=geotiff")
