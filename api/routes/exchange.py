"""Annotations out and in: CSV, COCO-like JSON and STAC items."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import Response

from api.dependencies import annotations_of
from stormpetrel.core.events import CollectionId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.annotations import review
from stormpetrel.learning.annotations.annotate import Annotations

router = APIRouter(prefix="/v1/exchange", tags=["annotation"])
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "coco": "application/json", "stac": "application/geo+json"}


@router.get("/{form}")
def export_annotations(
    form: str, collection: Annotated[CollectionId, Query()], annotations: Annotations = Depends(annotations_of)
) -> Response:
    """All annotations of a collection, the undone ones too: `csv`, `coco` (JSON) or `stac` (items with the label
    extension)."""
    name = review.exchange_format(form)
    text = review.export_annotations(annotations, Collection.parse(collection), name)
    return Response(text, media_type=MEDIA_TYPES[name])


@router.post("/{form}", status_code=201)
def import_annotations(
    form: str, body: Annotated[bytes, Body(media_type="text/plain")], annotations: Annotations = Depends(annotations_of)
) -> dict[str, Any]:
    """Imports an export, of this system or of another. Annotations whose annotation_id is known change nothing; at the
    first fault nothing is imported."""
    return review.import_annotations(annotations, body, review.exchange_format(form))
