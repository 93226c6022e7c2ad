"""Active learning of a label: its next round, its descent through scale levels, structured queries, validation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from api.dependencies import ModelsDependency
from api.scoped_request import ScaleLevel, ScopedRequest
from stormpetrel.core.events import Id, LabelId
from stormpetrel.learning.active import feedback
from stormpetrel.learning.active.feedback import FirstExample
from stormpetrel.learning.evaluation import validation
from stormpetrel.search.request import Text, Words

router = APIRouter(prefix="/v1", tags=["annotation"])
Limit = Annotated[int, Field(ge=1, le=1000)]
ClassNames = Annotated[list[Annotated[Words, Field(max_length=200)]], Field(max_length=50)]


class FeedbackRequest(ScopedRequest):
    """The next round of a label. While it has no annotation, it begins with an example (`item_id`), a `text`, or a
    vector of one's own (`values`)."""

    label: LabelId
    batch_size: Annotated[int, Field(ge=1, le=200)] = 10
    item_id: Id | None = None
    text: Text | None = None
    values: Annotated[list[float], Field(min_length=1, max_length=4096)] | None = None


class DescendRequest(ScopedRequest):
    """The cascade of a label through scale levels (px)."""

    label: LabelId
    scale_levels: Annotated[list[ScaleLevel], Field(min_length=2, max_length=3)] = Field(default=[480, 240, 120])
    limit: Limit = 50


class StructuredQueryRequest(ScopedRequest):
    """All items that match `within`, ranked by similarity to an item, by a label's model, or by time (newest first)."""

    like: Id | None = None
    label: LabelId | None = None
    limit: Limit = 50


class ValidationRequest(ScopedRequest):
    """Which labels to validate; `truth` gives the classes of items by id, in the words of CORINE, BigEarthNet or the
    catalogue. Without it each label is cross-validated over its annotations."""

    labels: Annotated[list[LabelId], Field(min_length=1, max_length=12)]
    truth: Annotated[dict[str, ClassNames], Field(max_length=400_000)] | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5


@router.post("/feedback")
def next_round(request: FeedbackRequest, models: ModelsDependency) -> dict[str, Any]:
    """Trains the label's model on all annotations, ranks everything, and shows what to look at next: the `top`, the
    `boundary` (where a label teaches most) and a `coverage` sample; and whether to go on."""
    first = FirstExample(request.item_id, request.text, request.values)
    return feedback.feedback(models, request.scope, request.label, request.batch_size, first)


@router.post("/feedback/descend")
def descend(request: DescendRequest, models: ModelsDependency) -> dict[str, Any]:
    """A model a scale level, coarse to fine; the finer level is scored only inside what the coarser one accepted."""
    return feedback.descend(models, request.scope, request.label, request.scale_levels, request.limit)


@router.post("/structured-query")
def structured_query(request: StructuredQueryRequest, models: ModelsDependency) -> dict[str, Any]:
    """One query over products, features, labels, place and time, joined by AND, OR and NOT."""
    return feedback.structured_query(models, request.scope, request.like, request.label, request.limit)


@router.post("/validation")
def validate(request: ValidationRequest, models: ModelsDependency) -> dict[str, Any]:
    """Precision, recall, F1, confusion, precision at k, average precision, and the learning curve by round."""
    return validation.validate(models, request.scope, request.labels, request.truth, request.folds)
