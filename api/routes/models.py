"""The stream's models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from api.dependencies import models
from stormpetrel.core.events import CollectionId
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.inference import stream_models

router = APIRouter(prefix="/v1/models", tags=["annotation"])


@router.get("")
def list_models(collection: CollectionId | None = None, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """What each model learned from, which learner serves, and how well each learner predicts labels."""
    return stream_models.list_models(models, collection)


@router.get("/{model_id:path}")
def describe_model(model_id: str, models: LabelModels = Depends(models)) -> dict[str, Any]:
    """One model (`posts/genova:related`), with the annotations behind it in the order in which it learned them;
    `is_up_to_date` is false for the moment in which the log is ahead of the model."""
    return stream_models.describe_model(models, model_id)
