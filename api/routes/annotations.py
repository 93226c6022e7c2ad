"""Annotations of patches and posts. Each is an event on the log, the only source of truth."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.dependencies import annotations_of
from api.schemas.requests import Request, Words
from stormpetrel.core.events import CollectionId, LabelId, Sign
from stormpetrel.core.ids import Collection
from stormpetrel.learning.annotations import annotate, review
from stormpetrel.learning.annotations.annotate import AnnotationDraft, Annotations

router = APIRouter(prefix="/v1/annotations", tags=["annotation"])
MAX_ANNOTATIONS = 1000


class NewAnnotation(Request):
    """A label of one item. With an `annotation_id` of one's own, sending it again is harmless."""

    item_id: Annotated[Words, Field(min_length=3, max_length=512)]
    label: LabelId
    sign: Sign
    annotation_id: Annotated[Words, Field(min_length=3, max_length=80)] | None = None


class AnnotationRequest(Request):
    """Annotations of one person. `round` is the one that the last feedback named; if left out, the label's last
    round."""

    collection: CollectionId
    annotator: Annotated[Words, Field(min_length=1, max_length=120)]
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    annotations: Annotated[list[NewAnnotation], Field(min_length=1, max_length=MAX_ANNOTATIONS)]


@router.post("", status_code=201)
def post_annotations(request: AnnotationRequest, annotations: Annotations = Depends(annotations_of)) -> dict[str, Any]:
    """Keeps annotations. Those that cannot be kept are refused item by item, and the rest is kept; 422 where none can
    be."""
    drafts = [AnnotationDraft(**draft.model_dump()) for draft in request.annotations]
    collection = Collection.parse(request.collection)
    return annotate.annotate(annotations, collection, request.annotator, drafts, request.round)


@router.get("")
def list_annotations(
    collection: Annotated[CollectionId, Query()],
    label: LabelId | None = None,
    annotator: str | None = None,
    item_id: str | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    annotations: Annotations = Depends(annotations_of),
) -> dict[str, Any]:
    """The annotations that stand, the oldest first. `after` is how many to skip; `next` is the next page's."""
    return review.list_annotations(annotations, Collection.parse(collection), label, annotator, item_id, after, limit)


@router.get("/agreement")
def agreement(
    collection: Annotated[CollectionId, Query()], label: LabelId, annotations: Annotations = Depends(annotations_of)
) -> dict[str, Any]:
    """How far the annotators of a label agree (Cohen's kappa, pair by pair), and which items they dispute."""
    return review.agreement(annotations, Collection.parse(collection), label)


@router.delete("/{annotation_id}")
def undo(
    annotation_id: str,
    annotator: Annotated[str, Query(min_length=1)],
    annotations: Annotations = Depends(annotations_of),
) -> dict[str, str]:
    """Undoes an annotation; it stays on the log, and its annotator's earlier annotation of the item holds again."""
    return annotate.undo(annotations, annotation_id, annotator)
