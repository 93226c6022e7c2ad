"""Structured queries: products, features, labels, place and time in one predicate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import models
from api.schemas.requests import Words
from api.schemas.scope import ScopedRequest
from stormpetrel.core.events import LabelId
from stormpetrel.learning.active import feedback
from stormpetrel.learning.active.label_models import LabelModels

router = APIRouter(prefix="/v1/structured-query", tags=["annotation"])


class StructuredQueryRequest(ScopedRequest):
    """All items that match `within`, ranked by similarity to an item, by a label's model, or by time (newest first)."""

    like: Annotated[Words, Field(min_length=3, max_length=512)] | None = None
    label: LabelId | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.post("")
def structured_query(request: StructuredQueryRequest, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """One query over products, features, labels, place and time, joined by AND, OR and NOT."""
    return feedback.structured_query(models, request.scope, request.like, request.label, request.limit)
