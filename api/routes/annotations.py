"""Annotations of patches and posts, their labels, and their exchange. Each is an event on the log, the only source of
truth."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import Field

from api.dependencies import AnnotationsDependency
from api.errors import content
from api.security import WhoDependency
from stormpetrel.access.principals import Principal
from stormpetrel.core.events import AnnotationId, Annotator, CollectionId, Count, Id, LabelId, Sign
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.learning.annotations import annotate, review
from stormpetrel.learning.annotations.annotate import AnnotationDraft
from stormpetrel.search.request import Request, Words

router = APIRouter(prefix="/v1", tags=["annotation"])
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "coco": "application/json", "stac": "application/geo+json"}
Form = Annotated[str, Path(json_schema_extra={"enum": list(MEDIA_TYPES)})]


class LabelRequest(Request):
    """A label of one's own: its path below a label of the catalogue (`water-bodies/flooded-fields`), and its title."""

    label: LabelId
    title: Annotated[Words, Field(min_length=1, max_length=120)]
    description: Annotated[Words, Field(max_length=2000)] = ""
    annotator: Annotator | None = None


class NewAnnotation(Request):
    """A label of one item. With an `annotation_id` of one's own, sending it again is harmless."""

    item_id: Id
    label: LabelId
    sign: Sign
    annotation_id: AnnotationId | None = None


class AnnotationRequest(Request):
    """Annotations of one person: whoever the API key belongs to; without keys, the `annotator`. `round` is the one that
    the last feedback named; if left out, the label's last round."""

    collection: CollectionId
    annotator: Annotator | None = None
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    annotations: Annotated[list[NewAnnotation], Field(min_length=1, max_length=1000)]


def annotator(who: Principal, given: str | None) -> str:
    """Annotators are who they are, not who they say. Where nobody is asked for a key, they may say it."""
    return who.name or given or "anybody"


@router.get("/labels")
def list_labels(
    annotations: AnnotationsDependency, kind: ItemKind | None = None, below: LabelId | None = None
) -> dict[str, Any]:
    """All labels, of a kind, or below one; with their names in CORINE, BigEarthNet, EuroSAT and HumAID."""
    return review.list_labels(annotations, kind, below)


@router.post("/labels", status_code=201)
def define_label(request: LabelRequest, annotations: AnnotationsDependency, who: WhoDependency) -> dict[str, Any]:
    """Defines a label of one's own, or changes its title; it is an event that every process reads."""
    return review.define_label(
        annotations, request.label, request.title, request.description, annotator(who, request.annotator)
    )


@router.post("/annotations", status_code=201)
def post_annotations(
    request: AnnotationRequest, annotations: AnnotationsDependency, who: WhoDependency
) -> dict[str, Any]:
    """Keeps annotations. Those that cannot be kept are refused item by item, and the rest is kept; 422 where none can
    be."""
    drafts = [AnnotationDraft(**draft.model_dump()) for draft in request.annotations]
    collection = Collection.parse(request.collection)
    return annotate.annotate(annotations, collection, annotator(who, request.annotator), drafts, request.round)


@router.get("/annotations")
def list_annotations(
    annotations: AnnotationsDependency,
    collection: CollectionId,
    label: LabelId | None = None,
    annotator: Annotator | None = None,
    item_id: Id | None = None,
    after: Count = 0,
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
    annotations: AnnotationsDependency,
    who: WhoDependency,
    annotation_id: AnnotationId,
    given: Annotated[Annotator | None, Query(alias="annotator")] = None,
) -> dict[str, str]:
    """Undoes an annotation; it stays on the log, and its annotator's earlier annotation of the item holds again."""
    return annotate.undo(annotations, annotation_id, annotator(who, given))


@router.get("/exchange/{form}", response_class=Response, responses=content(*MEDIA_TYPES.values()))
def export_annotations(annotations: AnnotationsDependency, form: Form, collection: CollectionId) -> Response:
    """All annotations of a collection, the undone ones too: `csv`, `coco` (JSON) or `stac` (items with the label
    extension)."""
    name = review.exchange_format(form)
    text = review.export_annotations(annotations, Collection.parse(collection), name)
    return Response(text, media_type=MEDIA_TYPES[name])


@router.post("/exchange/{form}", status_code=201)
def import_annotations(
    annotations: AnnotationsDependency, form: Form, body: Annotated[bytes, Body(media_type="text/plain")]
) -> dict[str, Any]:
    """Imports an export, of this system or of another. Annotations whose annotation_id is known change nothing; at the
    first fault nothing is imported."""
    return review.import_annotations(annotations, body, review.exchange_format(form))
