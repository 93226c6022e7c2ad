"""The stream's models, and the posts whose labels they request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.dependencies import ModelsDependency
from stormpetrel.core.events import CollectionId, Key, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.inference import stream_models

router = APIRouter(prefix="/v1", tags=["annotation"])


@router.get("/models")
def list_models(models: ModelsDependency, collection: CollectionId | None = None) -> dict[str, Any]:
    """What each model learned from, which learner serves, how well each learner predicts labels, and by which version
    of it the indexed items are `judged`: `running` until that is the newest."""
    return stream_models.list_models(models, collection)


@router.get("/models/{model_id:path}")
def describe_model(models: ModelsDependency, model_id: Key) -> dict[str, Any]:
    """One model (`posts/genova:related`), with the annotations behind it in the order in which it learned them;
    `is_up_to_date` is false for the moment in which the log is ahead of the model."""
    return stream_models.describe_model(models, model_id)


@router.get("/label-requests")
def label_requests(
    models: ModelsDependency, collection: CollectionId, label: LabelId, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """The newest posts that the label's model is unsure of and that nobody has annotated yet."""
    return stream_models.label_requests(models, Collection.parse(collection), label, limit)
