"""Predictions of a label's model, stored and read, and the classification map of a scene."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Response

from api.class_maps import class_map
from api.dependencies import ModelsDependency
from api.errors import content
from api.scoped_request import ScopedRequest
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import CollectionId, Id, Integer, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.rounds import Scope
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.inference import predictions
from stormpetrel.learning.inference.predictions import SceneClasses, classify_scene

router = APIRouter(prefix="/v1", tags=["annotation"])
MAP_MEDIA_TYPES = {"tif": "image/tiff; application=geotiff", "geojson": "application/geo+json", "png": "image/png"}


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
    before: Integer | None = None,
) -> dict[str, Any]:
    """The stored predictions of a label, the surest first; `before` is the `rank` of the last one of the page
    before."""
    documents = models.annotations.documents
    return predictions.stored_predictions(documents, Collection.parse(collection), label, limit, before)


@router.get("/maps/{form}", response_class=Response, responses=content(*MAP_MEDIA_TYPES.values()))
def classification_map(
    models: ModelsDependency,
    form: Annotated[str, Path(json_schema_extra={"enum": list(MAP_MEDIA_TYPES)})],
    scene_id: Annotated[Id, Query(max_length=420)],
    labels: Annotated[list[LabelId], Query(max_length=12)],
    collection: Annotated[CollectionId, Query(pattern="^patches")] = "patches",
    scale_level: Literal["120", "240", "480"] = "120",
    vector: Literal["sar", "ms", "fused"] = "fused",
) -> Response:
    """A scene's patches by the label whose model is surest: `tif` (GeoTIFF), `geojson`, or `png` with its legend."""
    if form not in MAP_MEDIA_TYPES:
        raise NotFound(f"there is no map of format {form!r}; there are {', '.join(MAP_MEDIA_TYPES)}")
    scope = Scope(Collection.parse(collection), vector, int(scale_level), Predicate(scene_id=scene_id))
    return Response(_rendered(classify_scene(models, scope, labels), form), media_type=MAP_MEDIA_TYPES[form])


def _rendered(scene: SceneClasses, form: str) -> bytes:
    classification = class_map(scene)
    if form == "geojson":
        return orjson.dumps(classification.geojson())
    return classification.png(scene.titles) if form == "png" else classification.geotiff()
