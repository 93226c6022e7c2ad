"""Predictions over a whole scope: stored for later, read back, or as the classes of a scene's patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import ItemsLabelled, Vector
from stormpetrel.core.ids import Collection, PatchId, model_id
from stormpetrel.core.ports import DocumentReader
from stormpetrel.core.topics import ITEMS_LABELLED
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.label_models import LabelModels, model_summary
from stormpetrel.learning.active.rounds import ActiveLearning, Scope
from stormpetrel.learning.training.examples import Float32, Rows

ITEMS_A_PART = 2000  # items an event: some hundred kilobytes


def store_predictions(models: LabelModels, scope: Scope, label: str) -> dict[str, Any]:
    """Publishes what the label's model predicts of everything in scope; the index consumer stores it. Raises BadQuery
    where all labels have one sign."""
    models.annotations.check_label(label, scope.collection)
    learning = models.active_learning(scope)
    items = learning.some_items()
    trained = learning.train(label, items)
    if not trained.ranker.separates:
        raise BadQuery("label", "all its labels have one sign: there is no boundary yet", "Give one of the other sign")
    scores, version = trained.ranker.scores(items.vectors), trained.model.version
    firsts = range(0, len(items), ITEMS_A_PART)
    for part, first in enumerate(firsts, 1):
        rows = slice(first, first + ITEMS_A_PART)
        event = ItemsLabelled(
            collection=str(scope.collection),
            label=label,
            vector=scope.vector,
            scale_level=scope.scale_level,
            model_version=version,
            annotations=len(trained.examples.signs),
            item_ids=tuple(items.ids[rows]),
            scores=Vector.of(scores[rows], version),
            part=part,
            parts=len(firsts),
            labelled_at=now(),
        )
        models.producer.publish(ITEMS_LABELLED, event.key, event)
    models.producer.flush()
    return {"items": len(items), "positive": int((scores > 0).sum()), "model": model_summary(trained, scope)}


def stored_predictions(
    documents: DocumentReader, collection: Collection, label: str, limit: int, before: int | None
) -> dict[str, Any]:
    """The stored predictions of a label, the surest first; `before` is the `rank` of the last one on the previous
    page."""
    page = documents.newest("predictions", "rank", limit, {"key": model_id(str(collection), label)}, before)
    predictions = [{key: value for key, value in document.items() if key not in ("_id", "key")} for document in page]
    return {"predictions": predictions, "next": predictions[-1]["rank"] if len(predictions) == limit else None}


def classify(learning: ActiveLearning, labels: Sequence[str], items: Items) -> tuple[Rows, Float32]:
    """For each item the label (its index) whose model is surest, or -1 where none predicts it; and the score."""
    scores = np.stack([learning.train(label, items).ranker.scores(items.vectors) for label in labels])
    highest: Float32 = scores.max(axis=0)
    return np.where(highest > 0, scores.argmax(axis=0), -1).astype(np.int64), highest


@dataclass(frozen=True)
class SceneClasses:
    """The patches of a scene with their classes: an index into `labels`, -1 for none of them. `titles` are the labels'
    names for people, `scores` (patches,) float32 how sure the models are."""

    labels: tuple[str, ...]
    titles: tuple[str, ...]
    patches: tuple[PatchId, ...]
    classes: Rows
    scores: Float32


def classify_scene(models: LabelModels, scope: Scope, labels: Sequence[str]) -> SceneClasses:
    """The patches of the scene that the scope's predicate names. Raises NotFound where it has none in scope."""
    catalogue = models.annotations.journal.catalogue
    titles = tuple(catalogue.of_kind(label, "patches").title for label in labels)
    learning = models.active_learning(scope)
    if not len(in_scene := learning.items()):
        level = f"patches of {scope.scale_level} px with a {scope.vector} vector"
        raise NotFound(f"scene {scope.predicate.scene_id!r} has no {level}")
    # The models are those of the whole collection; the map shows what they predict of one scene.
    everything = learning.everything()
    classes, scores = classify(learning, labels, everything)
    patches = {item_id: patch for item_id in in_scene.ids if (patch := PatchId.parse(item_id))}
    rows = [everything.rows[item_id] for item_id in patches]
    return SceneClasses(tuple(labels), titles, tuple(patches.values()), classes[rows], scores[rows])
