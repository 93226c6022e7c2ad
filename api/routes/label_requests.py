"""The posts whose labels the stream's models request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.dependencies import models
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.inference import stream_models

router = APIRouter(prefix="/v1/label-requests", tags=["annotation"])


@router.get("")
def label_requests(
    collection: Annotated[CollectionId, Query()],
    label: LabelId,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    models: LabelModels = Depends(models),
) -> dict[str, Any]:
    """The newest posts that the label's model is unsure of and that nobody has annotated yet."""
    return stream_models.label_requests(models, Collection.parse(collection), label, limit)
