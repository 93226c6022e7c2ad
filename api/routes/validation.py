"""System validation, and what models say, kept: reports, predictions, the models and what they would ask."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.dependencies import ApiResources as Services
from api.dependencies import resources as services
from api.routes.feedback import Scoped, model_of, rounds
from api.schemas.requests import Words
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import CollectionId, ItemsLabelled, LabelId, Vector
from stormpetrel.core.ids import Collection, model_id
from stormpetrel.core.ports import Filter, OrderQuery
from stormpetrel.core.topics import ITEMS_LABELLED
from stormpetrel.learning.evaluation.validation import Validation, truth_of
from stormpetrel.learning.training.trainer import examples_of, version_of

router = APIRouter(prefix="/v1", tags=["annotation"])
PART = 2000  # items an event: some hundred kilobytes
ClassNames = Annotated[list[Annotated[Words, Field(max_length=200)]], Field(max_length=50)]


class ValidationRequest(Scoped):
    """Which labels to validate; `truth` gives the classes of items by id, in the words of CORINE, BigEarthNet or the
    catalogue. Without it each label is judged by cross-validation over what was said."""

    labels: Annotated[list[LabelId], Field(min_length=1, max_length=12)]
    truth: Annotated[dict[str, ClassNames], Field(max_length=400_000)] | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5


class StoreRequest(Scoped):
    """Whose predictions to keep."""

    label: LabelId


@router.post("/validation")
def validate(asked: ValidationRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """Precision, recall, F1, confusion, precision at k, average precision, and the learning curve by round."""
    catalogue, kind = have.annotation_log.catalogue, Collection.parse(asked.collection).kind
    for label in asked.labels:
        catalogue.of_kind(label, kind)
    scope, annotation_store = asked.scope, have.annotation_log.annotation_store(asked.collection)
    made = rounds(have, scope)
    items = made.within(scope, annotation_store)
    validation = Validation(made, scope, annotation_store, items)
    if asked.truth is None:
        return {"against": "held labels", "labels": {own: validation.held(own, asked.folds) for own in asked.labels}}
    truths = {label: truth_of(asked.truth, label, catalogue) for label in asked.labels}
    found = {label: validation.against(label, truths[label]) for label in asked.labels}
    both = validation.between(asked.labels, truths) if len(asked.labels) > 1 else None
    return {"against": "the truth that was given", "labels": found, "between": both}


@router.post("/feedback/store", status_code=202)
def store(asked: StoreRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """Keeps what the label's model says of everything in the scope; GET /v1/predictions has it when it is indexed."""
    have.annotation_log.catalogue.of_kind(asked.label, Collection.parse(asked.collection).kind)
    scope, annotation_store = asked.scope, have.annotation_log.annotation_store(asked.collection)
    made = rounds(have, scope)
    items = made.within(scope, annotation_store)
    if not len(items):
        raise BadQuery("within", "nothing in this collection and grid meets it", "Ask for less")
    taught = made.taught(scope, annotation_store, asked.label, items)
    if not taught.ranker.separates:
        raise BadQuery("label", "all its labels have one sign: there is no boundary yet", "Give one of the other sign")
    scores = taught.ranker.scores(items.vectors)
    parts = -(-len(items) // PART)
    for part in range(parts):
        rows = slice(part * PART, (part + 1) * PART)
        event = ItemsLabelled(
            collection=asked.collection,
            label=asked.label,
            vector=scope.vector,
            scale_level=scope.scale_level,
            model_version=taught.ranker.version,
            annotations=len(taught.examples.signs),
            item_ids=tuple(items.ids[rows]),
            scores=Vector.of(scores[rows], taught.ranker.version),
            part=part + 1,
            parts=parts,
            labelled_at=now(),
        )
        have.producer.publish(ITEMS_LABELLED, model_id(asked.collection, asked.label), event)
    have.producer.flush()
    return {"items": len(items), "positive": int((scores > 0).sum()), "model": model_of(taught, scope)}


@router.get("/predictions")
def predictions(
    collection: Annotated[CollectionId, Query()],
    label: LabelId,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: int | None = None,
    have: Services = Depends(services),
) -> dict[str, Any]:
    """What was kept of a label, the surest first; `before` is the `rank` of the last one of the page before."""
    found = have.documents.newest("predictions", "rank", limit, {"key": model_id(collection, label)}, before)
    told = [{key: value for key, value in one.items() if key not in ("_id", "key")} for one in found]
    return {"predictions": told, "next": told[-1]["rank"] if len(told) == limit else None}


@router.get("/models")
def models(collection: CollectionId | None = None, have: Services = Depends(services)) -> dict[str, Any]:
    """The stream's models: what each learned from, which learner serves, and how well both foresee labels."""
    told = [
        one.model_dump(mode="json", exclude={"weights", "state", "schema_version"})
        for one in have.scorer.all()
        if collection is None or one.collection == collection
    ]
    return {"models": told}


@router.get("/models/{own:path}")
def model(own: str, have: Services = Depends(services)) -> dict[str, Any]:
    """One model of the stream (`posts/genova:related`), with the annotations behind it in the order in which it learned
    them; `is_of_these` is false for the moment in which the log is ahead of the model."""
    found = next((one for one in have.scorer.all() if one.model_id == own), None)
    if found is None:
        raise NotFound(f"there is no model {own!r}; GET /v1/models lists those there are")
    examples = examples_of(have.annotation_log.annotation_store(found.collection), found.label)
    return {
        **found.model_dump(mode="json", exclude={"weights", "state", "schema_version"}),
        "annotation_ids": [one.annotation_id for one in examples],
        "is_of_these": version_of(have.prior, (found.collection, found.label), examples) == found.model_version,
    }


@router.get("/questions")
def questions(
    collection: Annotated[CollectionId, Query()],
    label: LabelId,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    have: Services = Depends(services),
) -> dict[str, Any]:
    """The newest posts that the label's model would rather ask a person about; not those that were asked already."""
    if Collection.parse(collection).kind != "posts":
        raise BadQuery("collection", "the stream asks about posts alone", "For patches: POST /v1/feedback, `boundary`")
    own = model_id(collection, label)
    if not any(model.model_id == own for model in have.scorer.all()):
        raise NotFound(f"there is no model {own!r} yet; annotate some posts, GET /v1/models lists those there are")
    judged = {one.item_id for one in have.annotation_log.annotation_store(collection).judged(label)}
    query = OrderQuery("event_time", "desc", filter=Filter(any_of={"unsure": [own]}), limit=limit + len(judged))
    (hits,) = have.vectors.query(have.collections.posts, [query])
    ids = [hit.payload["id"] for hit in hits if hit.payload["id"] not in judged][:limit]
    found = have.documents.get("posts", ids)
    return {
        "model": own,
        "questions": [
            {
                "item_id": post,
                "text": found[post]["text"],
                "created_at": found[post]["created_at"],
                "said": [one for one in found[post].get("relevance", []) if one["label"] == label],
            }
            for post in ids
            if post in found
        ],
    }
