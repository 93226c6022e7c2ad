"""The classification map of a scene, and annotations out and in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiResources as Services
from api.dependencies import resources as services
from api.routes.feedback import Descriptor, ScaleLevel, Scoped, rounds
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.core.ids import Collection, PatchId
from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.imagery.stac_items import bounds_of
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.annotations.exchange import FORMS, Form, Kept, Places, read, written
from stormpetrel.learning.evaluation.validation import classes_of

router = APIRouter(prefix="/v1", tags=["annotation"])
MEDIA = {"csv": "text/csv; charset=utf-8", "coco": "application/json", "stac": "application/geo+json"}


@router.get("/maps/{form}")
def classification_map(
    form: str,
    scene_id: Annotated[str, Query(min_length=3)],
    labels: Annotated[list[LabelId], Query(max_length=12)],
    collection: CollectionId = "patches",
    scale_level: ScaleLevel = 120,
    vector: Descriptor = "fused",
    have: Services = Depends(services),
) -> Response:
    """A scene's patches by the label whose model is surest: `tif` (GeoTIFF), `geojson`, or `png` with its legend."""
    from stormpetrel.imagery.classmap import ClassMap

    if form not in ("tif", "geojson", "png"):
        raise NotFound(f"there is no map of form {form!r}; there are tif, geojson, png")
    catalogue = have.annotation_log.catalogue
    titles = [catalogue.of_kind(label, "patches").title for label in labels]
    asked = Scoped(collection=collection, vector=vector, scale_level=scale_level, within=Predicate(scene_id=scene_id))
    made, annotation_store = rounds(have, asked.scope), have.annotation_log.annotation_store(collection)
    items = made.within(asked.scope, annotation_store)
    if not len(items):
        raise NotFound(f"scene {scene_id!r} has no patches of {scale_level} px with a {vector} vector")
    # A model is that of the whole collection; the map shows what it says of one scene.
    whole = made.everything(asked.scope)
    classes, scores = classes_of(made, asked.scope, annotation_store, labels, whole)
    rows = [whole.rows[own] for own in items.ids]
    footprints = [PatchId.parse(own) for own in items.ids]
    found = ClassMap(
        tuple(labels),
        tuple(PatchFootprint(one.epsg, one.scale_level, one.row, one.column) for one in footprints if one),
        classes[rows],
        scores[rows],
    )
    if form == "geojson":
        return JSONResponse(found.geojson(), media_type="application/geo+json")
    if form == "png":
        return Response(found.png(titles), media_type="image/png")
    return Response(found.geotiff(), media_type="image/tiff; application=geotiff")


@router.get("/exchange/{form}")
def export(form: str, collection: Annotated[CollectionId, Query()], have: Services = Depends(services)) -> Response:
    """All annotations of a collection, the undone ones too: `csv`, `coco` (JSON) or `stac` (items with the label
    extension)."""
    chosen = _form(form)
    kept = have.annotation_log.reading(
        collection, lambda annotation_store: [Kept(held, undone) for held, undone in annotation_store.history]
    )
    return Response(written(kept, chosen, _places(have, collection, kept)), media_type=MEDIA[chosen])


@router.post("/exchange/{form}", status_code=201)
def bring_in(
    form: str, body: Annotated[bytes, Body(media_type="text/plain")], have: Services = Depends(services)
) -> dict[str, Any]:
    """Takes what an export gave, here or elsewhere. What is known already (by its annotation_id) changes nothing; one
    fault, and nothing is taken."""
    try:
        kept = read(body.decode("utf-8"), _form(form))
    except UnicodeDecodeError as error:
        raise BadQuery("body", f"it is not UTF-8: {error}", "Send what the export gave") from error
    for one in kept:
        have.annotation_log.catalogue.of_kind(one.annotation.label, Collection.parse(one.annotation.collection).kind)
    known = [one for one in kept if have.annotation_log.find(one.annotation.annotation_id) is not None]
    new = [one for one in kept if have.annotation_log.find(one.annotation.annotation_id) is None]
    undone = [one.undone for one in kept if one.undone is not None]
    have.annotation_log.write([one.annotation for one in new])
    have.annotation_log.write(undone)
    return {"taken": len(new), "known": len(known), "undone": len(undone)}


def _form(name: str) -> Form:
    for form in FORMS:
        if form == name:
            return form
    raise NotFound(f"there is no form {name!r}; there are {', '.join(FORMS)}")


def _places(have: Services, collection: str, kept: list[Kept]) -> Places:
    """Where and when the annotated items are, of those that are still there."""
    kind = Collection.parse(collection).kind
    ids = list(dict.fromkeys(one.annotation.item_id for one in kept))
    found: dict[str, tuple[dict[str, Any] | None, list[float] | None, str | None]] = {}
    for own, document in have.documents.get(kind, ids).items():
        if kind == "posts":
            found[own] = (None, None, document["created_at"])
        else:
            geometry = {"type": "Polygon", "coordinates": [[list(point) for point in document["ring"]]]}
            found[own] = (geometry, bounds_of(geometry), document["sensed_at"])
    return found
