"""Relevance feedback: the next round of a label, and its descent through scale levels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import models
from api.schemas.requests import Text, Words
from api.schemas.scope import ScaleLevel, ScopedRequest
from stormpetrel.core.events import LabelId
from stormpetrel.learning.active import feedback
from stormpetrel.learning.active.feedback import FirstExample
from stormpetrel.learning.active.label_models import LabelModels

router = APIRouter(prefix="/v1/feedback", tags=["annotation"])


class FeedbackRequest(ScopedRequest):
    """The next round of a label. While it has no annotation, it begins with an example (`item_id`), a `text`, or a
    vector of one's own (`values`)."""

    label: LabelId
    batch_size: Annotated[int, Field(ge=1, le=200)] = 10
    item_id: Annotated[Words, Field(min_length=3, max_length=512)] | None = None
    text: Text | None = None
    values: Annotated[list[float], Field(min_length=1, max_length=4096)] | None = None


class DescendRequest(ScopedRequest):
    """The cascade of a label through scale levels (px)."""

    label: LabelId
    scale_levels: Annotated[list[ScaleLevel], Field(min_length=2, max_length=3)] = Field(default=[480, 240, 120])
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.post("")
def next_round(request: FeedbackRequest, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """Trains the label's model on all annotations, ranks everything, and shows what to look at next: the `top`, the
    `boundary` (where a label teaches most) and a `coverage` sample; and whether to go on."""
    first = FirstExample(request.item_id, request.text, request.values)
    return feedback.feedback(models, request.scope, request.label, request.batch_size, first)


@router.post("/descend")
def descend(request: DescendRequest, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """A model a scale level, coarse to fine; the finer level is scored only inside what the coarser one accepted."""
    return feedback.descend(models, request.scope, request.label, request.scale_levels, request.limit)
