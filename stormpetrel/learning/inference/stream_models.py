"""The stream's models as the API shows them, and the posts whose labels they request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import ModelUpdated
from stormpetrel.core.ids import Collection, model_id
from stormpetrel.core.ports import Document, Filter, OrderQuery
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.inference.judging import JUDGED
from stormpetrel.learning.training.trainer import TrainingSet


def list_models(models: LabelModels, collection: str | None) -> dict[str, Any]:
    """What each model learned from, which learner serves, how well each learner predicts labels, and by which version
    the indexed items are judged."""
    events = [event for event in models.scorer.models() if collection in (None, event.collection)]
    judged = models.annotations.documents.get(JUDGED, [event.model_id for event in events])
    return {"models": [_fields(event, judged) for event in events]}


def describe_model(models: LabelModels, own_id: str) -> dict[str, Any]:
    """One model, with the annotations behind it in the order in which it learned them; `is_up_to_date` is false for the
    moment in which the log is ahead of the model."""
    event = _model(models, own_id)
    store = models.annotations.journal.store(Collection.parse(event.collection))
    training_set = TrainingSet.of(store, event.label, models.prior)
    return {
        **_fields(event, models.annotations.documents.get(JUDGED, [own_id])),
        "annotation_ids": [item.newest.annotation_id for item in training_set.examples],
        "is_up_to_date": training_set.version() == event.model_version,
    }


def label_requests(models: LabelModels, collection: Collection, label: str, limit: int) -> dict[str, Any]:
    """The newest posts that the label's model is unsure of and that nobody has annotated yet."""
    if collection.kind != "posts":
        problem = "the stream requests labels of posts alone"
        raise BadQuery("collection", problem, "For patches: POST /v1/feedback, `boundary`")
    own_id = model_id(str(collection), label)
    _model(models, own_id)
    store = models.annotations.journal.store(collection)
    annotated = {item.item_id for item in store.consensus(label)}
    query = OrderQuery("event_time", "desc", filter=Filter(any_of={"unsure": [own_id]}), limit=limit + len(annotated))
    (hits,) = models.annotations.vectors.query(models.annotations.index_of("posts"), [query])
    ids = [hit.payload["id"] for hit in hits if hit.payload["id"] not in annotated][:limit]
    posts = models.annotations.documents.get("posts", ids)
    requests = [
        {
            "item_id": post_id,
            "text": posts[post_id]["text"],
            "created_at": posts[post_id]["created_at"],
            "relevance": [score for score in posts[post_id].get("relevance", []) if score["label"] == label],
        }
        for post_id in ids
        if post_id in posts
    ]
    return {"model": own_id, "label_requests": requests}


def _model(models: LabelModels, own_id: str) -> ModelUpdated:
    event = models.scorer.get(own_id)
    if event is None:
        raise NotFound(f"there is no model {own_id!r} yet; annotate some posts, GET /v1/models lists those there are")
    return event


def _fields(event: ModelUpdated, judged: Mapping[str, Document]) -> dict[str, Any]:
    """`judged` says by which version of the model all indexed items are judged, and how many those are; `running` is
    true until that is the newest."""
    by = judged.get(event.model_id, {"version": None, "posts": 0, "patches": 0})
    progress = {name: by[name] for name in ("version", "posts", "patches")}
    progress["running"] = by["version"] != event.model_version
    return {**event.model_dump(mode="json", exclude={"weights", "state", "schema_version"}), "judged": progress}
