"""How good the models of labels are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import models
from api.schemas.requests import Words
from api.schemas.scope import ScopedRequest
from stormpetrel.core.events import LabelId
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.evaluation import validation

router = APIRouter(prefix="/v1/validation", tags=["annotation"])
ClassNames = Annotated[list[Annotated[Words, Field(max_length=200)]], Field(max_length=50)]


class ValidationRequest(ScopedRequest):
    """Which labels to validate; `truth` gives the classes of items by id, in the words of CORINE, BigEarthNet or the
    catalogue. Without it each label is cross-validated over its annotations."""

    labels: Annotated[list[LabelId], Field(min_length=1, max_length=12)]
    truth: Annotated[dict[str, ClassNames], Field(max_length=400_000)] | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5


@router.post("")
def validate(request: ValidationRequest, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """Precision, recall, F1, confusion, precision at k, average precision, and the learning curve by round."""
    return validation.validate(models, request.scope, request.labels, request.truth, request.folds)
