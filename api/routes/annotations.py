"""Annotations of patches and posts, their labels, and their exchange. Each is an event on the log, the only source of
truth."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from api.dependencies import AnnotationsDependency
from stormpetrel.core.events import CollectionId, LabelId, Sign
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.learning.annotations import annotate, review
from stormpetrel.learning.annotations.annotate import AnnotationDraft
from stormpetrel.search.request import Request, Words

router = APIRouter(prefix="/v1", tags=["annotation"])
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "coco": "application/json", "stac": "application/geo+json"}
Person = Annotated[Words, Field(min_length=1, max_length=120)]


class LabelRequest(Request):
    """A label of one's own: its path below a label of the catalogue (`water-bodies/flooded-fields`), and its title."""

    label: LabelId
    title: Annotated[Words, Field(min_length=1, max_length=120)]
    description: Annotated[Words, Field(max_length=2000)] = ""
    annotator: Person


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
    annotator: Person
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    annotations: Annotated[list[NewAnnotation], Field(min_length=1, max_length=1000)]


@router.get("/labels")
def list_labels(
    annotations: AnnotationsDependency, kind: ItemKind | None = None, below: LabelId | None = None
) -> dict[str, Any]:
    """All labels, of a kind, or below one; with their names in CORINE, BigEarthNet, EuroSAT and HumAID."""
    return review.list_labels(annotations, kind, below)


@router.post("/labels", status_code=201)
def define_label(request: LabelRequest, annotations: AnnotationsDependency) -> dict[str, Any]:
    """Defines a label of one's own, or changes its title; it is an event that every process reads."""
    return review.define_label(annotations, request.label, request.title, request.description, request.annotator)


@router.post("/annotations", status_code=201)
def post_annotations(request: AnnotationRequest, annotations: AnnotationsDependency) -> dict[str, Any]:
    """Keeps annotations. Those that cannot be kept are refused item by item, and the rest is kept; 422 where none can
    be."""
    drafts = [AnnotationDraft(**draft.model_dump()) for draft in request.annotations]
    collection = Collection.parse(request.collection)
    return annotate.annotate(annotations, collection, request.annotator, drafts, request.round)


@router.get("/annotations")
def list_annotations(
    annotations: AnnotationsDependency,
    collection: CollectionId,
    label: LabelId | None = None,
    annotator: str | None = None,
    item_id: str | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """The annotations that stand, the oldest first. `after` is how many to skip; `next` is the next page's."""
    return review.list_annotations(annotations, Collection.parse(collection), label, annotator, item_id, after, limit)


@router.get("/annotations/agreement")
def agreement(annotations: AnnotationsDependency, collection: CollectionId, label: LabelId) -> dict[str, Any]:
    """How far the annotators of a label agree (Cohen's kappa, pair by pair), and which items they dispute."""
    return review.agreement(annotations, Collection.parse(collection), label)


@router.delete("/annotations/{annotation_id}")
def undo(
    annotations: AnnotationsDependency, annotation_id: str, annotator: Annotated[str, Query(min_length=1)]
) -> dict[str, str]:
    """Undoes an annotation; it stays on the log, and its annotator's earlier annotation of the item holds again."""
    return annotate.undo(annotations, annotation_id, annotator)


@router.get("/exchange/{form}")
def export_annotations(annotations: AnnotationsDependency, form: str, collection: CollectionId) -> Response:
    """All annotations of a collection, the undone ones too: `csv`, `coco` (JSON) or `stac` (items with the label
    extension)."""
    name = review.exchange_format(form)
    text = review.export_annotations(annotations, Collection.parse(collection), name)
    return Response(text, media_type=MEDIA_TYPES[name])


@router.post("/exchange/{form}", status_code=201)
def import_annotations(
    annotations: AnnotationsDependency, form: str, body: Annotated[bytes, Body(media_type="text/plain")]
) -> dict[str, Any]:
    """Imports an export, of this system or of another. Annotations whose annotation_id is known change nothing; at the
    first fault nothing is imported."""
    return review.import_annotations(annotations, body, review.exchange_format(form))
