"""Predictions of a label's model, stored and read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.dependencies import models
from api.schemas.scope import ScopedRequest
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.inference import predictions

router = APIRouter(prefix="/v1", tags=["annotation"])


class StoreRequest(ScopedRequest):
    """Whose predictions to store."""

    label: LabelId


@router.post("/feedback/store", status_code=202)
def store_predictions(request: StoreRequest, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """Stores what the label's model predicts of everything in scope; GET /v1/predictions has it when it is indexed."""
    return predictions.store_predictions(models, request.scope, request.label)


@router.get("/predictions")
def stored_predictions(
    collection: Annotated[CollectionId, Query()],
    label: LabelId,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: int | None = None,
    models: LabelModels = Depends(models),
) -> dict[str, Any]:
    """The stored predictions of a label, the surest first; `before` is the `rank` of the last one of the page
    before."""
    documents = models.annotations.documents
    return predictions.stored_predictions(documents, Collection.parse(collection), label, limit, before)
