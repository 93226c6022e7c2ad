"""Annotations: what people say of patches and posts. Each is an event on the log, the only source of truth."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.dependencies import ApiResources as Services
from api.dependencies import resources as services
from api.schemas.requests import Request, Words
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound, StormpetrelError
from stormpetrel.core.events import Annotation, AnnotationUndone, CollectionId, LabelId, Sign, Vector
from stormpetrel.core.ids import Collection, PatchId
from stormpetrel.core.ports import Document
from stormpetrel.learning.annotations.annotation_store import AnnotationStore

router = APIRouter(prefix="/v1/annotations", tags=["annotation"])
MOST = 1000
ItemId = Annotated[Words, Field(min_length=3, max_length=512)]
Person = Annotated[Words, Field(min_length=1, max_length=120)]


class OneAnnotation(Request):
    """What is said of one item. An `annotation_id` of one's own makes sending again harmless."""

    item_id: ItemId
    label: LabelId
    sign: Sign
    annotation_id: Annotated[Words, Field(min_length=3, max_length=80)] | None = None


class AnnotationRequest(Request):
    """Annotations of one person. `round` is what the last feedback named; the label's last round where it is left
    out."""

    collection: CollectionId
    annotator: Person
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    annotations: Annotated[list[OneAnnotation], Field(min_length=1, max_length=MOST)]


@router.post("", status_code=201)
def annotate(asked: AnnotationRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """Keeps what is said. What cannot be kept is told item by item, and the rest is; 422 where nothing can be."""
    contradicted = _contradicted(asked)
    kind = Collection.parse(asked.collection).kind
    wanted = list(dict.fromkeys(one.item_id for one in asked.annotations))
    there = have.documents.get(kind, wanted)
    vectors = _vectors(have, kind, there)
    events, refused = [], []
    for one in asked.annotations:
        try:
            events.append(_event(have, asked, one, contradicted, there, vectors))
        except StormpetrelError as error:
            refused.append({"item_id": one.item_id, "label": one.label, "problem": str(error)})
    if not events:
        raise BadQuery("annotations", f"none of them can be kept: {refused[0]['problem']}", "Nothing was written")
    before = have.annotation_log.reading(
        asked.collection, lambda annotation_store: [_before(annotation_store, event) for event in events]
    )
    have.annotation_log.write(events)
    return {"collection": asked.collection, "kept": before, "refused": refused}


def _contradicted(asked: AnnotationRequest) -> set[tuple[str, str]]:
    """(item, label) that one request says two things of."""
    said = {(one.item_id, one.label, one.sign) for one in asked.annotations}
    return {pair for pair, n in Counter((item, label) for item, label, _ in said).items() if n > 1}


def _vectors(have: Services, kind: str, there: dict[str, Document]) -> dict[str, dict[str, Vector]]:
    """The items' vectors as events hold them, with what made them."""
    index, names = (
        (have.collections.posts, ["text"]) if kind == "posts" else (have.collections.patches, ["sar", "ms", "fused"])
    )
    found: dict[str, dict[str, Vector]] = {}
    for own, held in have.vectors.vectors(index, list(there), names).items():
        document = there[own]
        made_by = {"text": document.get("text_model")} if kind == "posts" else document.get("models") or {}
        found[own] = {name: Vector.of(values, str(made_by[name])) for name, values in held.items() if made_by.get(name)}
    return found


def _event(
    have: Services,
    asked: AnnotationRequest,
    one: OneAnnotation,
    contradicted: set[tuple[str, str]],
    there: dict[str, Document],
    vectors: dict[str, dict[str, Vector]],
) -> Annotation:
    """Raises where it cannot be kept, and says why."""
    kind = Collection.parse(asked.collection).kind
    have.annotation_log.catalogue.of_kind(one.label, kind)
    if (one.item_id, one.label) in contradicted:
        raise BadQuery("sign", "this request says two things of the item", "Say one; two people send two requests")
    if one.item_id not in there:
        raise NotFound(f"{one.item_id!r} is not among the {kind}: it was deleted, or never was")
    if there[one.item_id].get("duplicate_of"):
        raise BadQuery("item_id", f"it is a copy of {there[one.item_id]['duplicate_of']!r}", "Annotate the original")
    known = have.annotation_log.find(one.annotation_id) if one.annotation_id else None
    if known and (known.item_id, known.label, known.sign) != (one.item_id, one.label, one.sign):
        raise BadQuery("annotation_id", "another annotation has this id", "Take a new one, or leave it out")
    patch = PatchId.parse(one.item_id) if kind == "patches" else None
    last = have.annotation_log.reading(
        asked.collection, lambda annotation_store: annotation_store.last_round(one.label)
    )
    return Annotation(
        annotation_id=one.annotation_id or f"ann-{uuid.uuid4().hex}",
        collection=asked.collection,
        item_id=one.item_id,
        label=one.label,
        sign=one.sign,
        annotator=asked.annotator,
        scale_level=patch.scale_level if patch else None,
        round=asked.round or max(1, last),
        vectors=vectors.get(one.item_id, {}),
        catalogue_version=have.annotation_log.catalogue.version,
        annotated_at=now(),
    )


def _before(annotation_store: AnnotationStore, event: Annotation) -> dict[str, Any]:
    """What a kept annotation meets: the same person's earlier word, and others who say otherwise."""
    votes = annotation_store.votes(event.label, event.item_id)
    own = votes.get(event.annotator)
    other = {name: held.sign for name, held in votes.items() if name != event.annotator}
    opposed = sorted(name for name, sign in other.items() if {sign, event.sign} == {"positive", "negative"})
    return {
        "annotation_id": event.annotation_id,
        "item_id": event.item_id,
        "label": event.label,
        "sign": event.sign,
        "round": event.round,
        "replaces": own.annotation_id if own else None,
        "disagrees_with": opposed,
    }


@router.get("")
def listed(
    collection: Annotated[CollectionId, Query()],
    label: LabelId | None = None,
    annotator: str | None = None,
    item_id: str | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    have: Services = Depends(services),
) -> dict[str, Any]:
    """What stands, the oldest first. `after` is how many to pass over; `next` goes on."""
    standing = have.annotation_log.reading(collection, lambda annotation_store: list(annotation_store.all))
    kept = [
        held
        for held in standing
        if (label is None or held.label == label)
        and (annotator is None or held.annotator == annotator)
        and (item_id is None or held.item_id == item_id)
    ]
    page = kept[after : after + limit]
    told = [held.model_dump(mode="json", exclude={"vectors", "schema_version"}) for held in page]
    return {"annotations": told, "found": len(kept), "next": after + limit if after + limit < len(kept) else None}


@router.get("/agreement")
def agreement(
    collection: Annotated[CollectionId, Query()], label: LabelId, have: Services = Depends(services)
) -> dict[str, Any]:
    """How far the annotators of a label agree (Cohen's kappa, pair by pair), and what they dispute."""
    have.annotation_log.catalogue.of_kind(label, Collection.parse(collection).kind)
    judged, pairs = have.annotation_log.reading(collection, lambda held: (held.judged(label), held.agreement(label)))
    disputed = [{"item_id": item.item_id, "said": item.by} for item in judged if item.disputed]
    return {"items": len(judged), "pairs": pairs, "disputed": disputed}


@router.delete("/{annotation_id}")
def undo(
    annotation_id: str, annotator: Annotated[str, Query(min_length=1)], have: Services = Depends(services)
) -> dict[str, str]:
    """Takes an annotation back; it stays on the log, and what its annotator said before holds again."""
    known = have.annotation_log.find(annotation_id)
    if known is None:
        raise NotFound(f"there is no annotation {annotation_id!r}; GET /v1/annotations lists them")
    if known.annotator != annotator:
        problem = f"it is {known.annotator!r} who said it"
        raise BadQuery("annotator", problem, "Say the opposite in your own name: both are kept")
    if have.annotation_log.reading(
        known.collection, lambda annotation_store: annotation_store.is_undone(annotation_id)
    ):
        return {"annotation_id": annotation_id, "outcome": "was undone before"}
    event = AnnotationUndone(
        annotation_id=annotation_id, collection=known.collection, annotator=annotator, undone_at=now()
    )
    have.annotation_log.write([event])
    return {"annotation_id": annotation_id, "outcome": "undone"}
