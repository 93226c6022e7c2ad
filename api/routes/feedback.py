"""Relevance feedback: the next round of a label, the descent through the grids, and multi-knowledge queries."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from fastapi import APIRouter, Depends
from numpy.typing import NDArray
from pydantic import Field, model_validator

from api.dependencies import ApiResources as Services
from api.dependencies import resources as services
from api.schemas.requests import Request, SearchRequest, Text, Words
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import CollectionId, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.rounds import ActiveLearning, Scope, TrainedModel, cosines
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.training.support_vector_ranker import probability

router = APIRouter(prefix="/v1", tags=["annotation"])
ScaleLevel = Literal[120, 240, 480]
Descriptor = Literal["text", "sar", "ms", "fused"]
MOST_NAMED = 1000  # annotations that an answer names one by one
Begin = list[tuple[str, int, NDArray[np.float32] | None]]


class Scoped(Request):
    """A collection, the vector that its items are compared by (`text` of posts; `fused`, `sar` or `ms` of patches), a
    patches' grid in pixels, and what must be met."""

    collection: CollectionId
    vector: Descriptor | None = None
    scale_level: ScaleLevel = 120
    within: Predicate = Field(default_factory=Predicate)

    @model_validator(mode="after")
    def fitting(self) -> Self:
        kind = Collection.parse(self.collection).kind
        if self.vector is not None and (self.vector == "text") != (kind == "posts"):
            raise ValueError(f"{kind} have no vector {self.vector}; text is of posts, fused, sar and ms are of patches")
        return self

    @property
    def scope(self) -> Scope:
        kind = Collection.parse(self.collection).kind
        own = self.vector or ("text" if kind == "posts" else "fused")
        return Scope(self.collection, own, self.scale_level if kind == "patches" else None, self.within)


class FeedbackRequest(Scoped):
    """The next round of a label. Where nothing was said of it yet, it begins with an example (`item_id`), a `text`, or
    a vector of one's own (`values`)."""

    label: LabelId
    ask: Annotated[int, Field(ge=1, le=200)] = 10
    item_id: Annotated[Words, Field(min_length=3, max_length=512)] | None = None
    text: Text | None = None
    values: Annotated[list[float], Field(min_length=1, max_length=4096)] | None = None


class DescendRequest(Scoped):
    """The cascade of a label through grids."""

    label: LabelId
    scale_levels: Annotated[list[ScaleLevel], Field(min_length=2, max_length=3)] = Field(default=[480, 240, 120])
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class KnowledgeRequest(Scoped):
    """All items that meet `within`, ranked by likeness to an item, by a label's model, or by time (newest first)."""

    like: Annotated[Words, Field(min_length=3, max_length=512)] | None = None
    label: LabelId | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


def rounds(have: Services, scope: Scope) -> ActiveLearning:
    """The rounds over posts or patches."""
    kind = Collection.parse(scope.collection).kind
    return ActiveLearning(
        have.embedding_cache,
        {kind: have.collections.posts if kind == "posts" else have.collections.patches},
        have.prior,
    )


@router.post("/feedback")
def feedback(asked: FeedbackRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """Fits the label's model on all that was said, ranks everything, and says what to look at next: the `top`, the
    `boundary` (where a label teaches most) and a `coverage` sample; and whether to go on."""
    have.annotation_log.catalogue.of_kind(asked.label, Collection.parse(asked.collection).kind)
    scope = asked.scope
    begin = _begin(asked, have, scope)
    annotation_store = have.annotation_log.annotation_store(asked.collection)
    answer = rounds(have, scope).next(scope, annotation_store, asked.label, asked.ask, begin)
    told = answer.round

    def shown(rows: NDArray[np.int64]) -> list[dict[str, Any]]:
        return [item_of(answer.items, int(row), float(told.scores[row])) for row in rows]

    return {
        "round": annotation_store.last_round(asked.label) + 1,
        "model": model_of(answer.taught, scope),
        "scored": len(answer.items),
        "positive_share": round(float((told.scores > 0).mean()), 6) if told.ranker.separates else None,
        "top": shown(told.top),
        "boundary": shown(told.boundary),
        "coverage": shown(told.coverage),
        "advice": vars(answer.advice),
    }


def model_of(taught: TrainedModel, scope: Scope) -> dict[str, Any]:
    """Which model spoke, and the annotations behind it."""
    behind = [one.newest.annotation_id for one in taught.judged if one.sign]
    return {
        "version": taught.ranker.version,
        "vector": scope.vector,
        "scale_level": scope.scale_level,
        "separates": taught.ranker.separates,
        "provisional": taught.provisional,
        "labels": dict(taught.labels),
        "annotations": behind[:MOST_NAMED],
        "annotations_left_out": max(0, len(behind) - MOST_NAMED),
    }


def item_of(items: Items, row: int, score: float) -> dict[str, Any]:
    """An item as an answer names it."""
    place = None if np.isnan(items.longitudes[row]) else [float(items.longitudes[row]), float(items.latitudes[row])]
    return {
        "item_id": items.ids[row],
        "score": round(score, 6),
        "probability": round(probability(score), 6),
        "time_ms": int(items.times[row]),
        "point": place,
    }


def _begin(asked: FeedbackRequest, have: Services, scope: Scope) -> Begin:
    """What a label begins with: an example, a vector, or what a text finds."""
    found: Begin = []
    if asked.item_id:
        kind = Collection.parse(asked.collection).kind
        index = have.collections.posts if kind == "posts" else have.collections.patches
        held = have.vectors.vectors(index, [asked.item_id], [scope.vector]).get(asked.item_id, {})
        if scope.vector not in held:
            raise NotFound(f"{asked.item_id!r} is not among the {kind}, or has no {scope.vector} vector")
        found.append((asked.item_id, 1, held[scope.vector]))
    if asked.values:
        found.append(("", 1, _given(asked.values, rounds(have, scope).everything(scope))))
    if asked.text and Collection.parse(asked.collection).kind == "posts":
        found.append(("", 1, have.encoder.text(asked.text)))
    elif asked.text:
        found += _shown_by_posts(asked.text, have, scope)
    return found


def _given(values: list[float], items: Items) -> NDArray[np.float32]:
    vector = np.asarray(values, dtype=np.float32)
    if len(items) and len(vector) != items.vectors.shape[1]:
        problem = f"it has {len(vector)} values, and this collection {items.vectors.shape[1]}"
        raise BadQuery("values", problem, "Send a vector of the descriptor that `vector` names")
    length = float(np.linalg.norm(vector))
    if not length or not np.isfinite(length):
        raise BadQuery("values", "it has no direction", "Send finite values, one of them not 0")
    found: NDArray[np.float32] = vector / length
    return found


def _shown_by_posts(text: str, have: Services, scope: Scope) -> Begin:
    """A text says nothing of pixels; the patches of the places and days that it is written of do."""
    found = have.search.searcher.answer(SearchRequest(text=text, sources=["posts", "patches"], limit=20))
    items = rounds(have, scope).everything(scope)
    patches = [member.id for hit in found.hits for member in hit.members if member.kind == "patch"]
    there = [own for own in dict.fromkeys(patches) if own in items.rows][:3]
    if not there:
        problem = "no patch lies where and when posts write of it"
        raise BadQuery("text", problem, "Begin with a patch instead (item_id): GET /v1/patches lists some")
    return [(own, 1, None) for own in there]


@router.post("/feedback/descend")
def descend(asked: DescendRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """A classifier a grid, coarse to fine; the finer grid is scored only inside what the coarser one accepted."""
    have.annotation_log.catalogue.of_kind(asked.label, Collection.parse(asked.collection).kind)
    if Collection.parse(asked.collection).kind != "patches":
        raise BadQuery("collection", "posts have no grids", "Ask for patches")
    scope = asked.scope
    annotation_store = have.annotation_log.annotation_store(asked.collection)
    held, found = rounds(have, scope).descend(scope, annotation_store, asked.label, asked.scale_levels)
    finest = held[-1]
    order = np.argsort(-found.scores, kind="stable")[: asked.limit]
    return {
        "label": asked.label,
        "scale_levels": sorted(asked.scale_levels, reverse=True),
        "patches": {
            str(scale_level): len(items)
            for scale_level, items in zip(sorted(asked.scale_levels, reverse=True), held, strict=True)
        },
        "scored": {str(scale_level): count for scale_level, count in found.scored.items()},
        "saved": round(found.saved, 6),
        "models": {
            str(g): m.version for g, m in zip(sorted(asked.scale_levels, reverse=True), found.rankers, strict=True)
        },
        "positive": int((found.scores[found.seen] > 0).sum()),
        "top": [item_of(finest, int(row), float(found.scores[row])) for row in order if found.seen[row]],
    }


@router.post("/knowledge")
def knowledge(asked: KnowledgeRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """One question over what is known of products, features, labels, place and time, joined by AND, OR and NOT."""
    scope = asked.scope
    made = rounds(have, scope)
    annotation_store = have.annotation_log.annotation_store(asked.collection)
    items = made.within(scope, annotation_store)
    model = None
    scores = items.times.astype(np.float64)
    if asked.like:
        whole = made.everything(scope)
        if asked.like not in whole.rows:
            raise NotFound(f"{asked.like!r} has no {scope.vector} vector in this collection and grid")
        scores = cosines(items.vectors, whole.vectors[whole.rows[asked.like]]).astype(np.float64)
    elif asked.label:
        have.annotation_log.catalogue.of_kind(asked.label, Collection.parse(asked.collection).kind)
        taught = made.taught(scope, annotation_store, asked.label, made.everything(scope))
        model, scores = model_of(taught, scope), taught.ranker.scores(items.vectors).astype(np.float64)
    order = np.lexsort((np.arange(len(items)), -scores))[: asked.limit]
    ranked_by = "likeness" if asked.like else "label" if asked.label else "time"
    return {
        "found": len(items),
        "ranked_by": ranked_by,
        "model": model,
        "items": [{**item_of(items, int(row), 0.0), "score": round(float(scores[row]), 6)} for row in order],
    }
