"""Relevance feedback: the next round of a label, the descent through scale levels, and structured queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.learning.active.label_models import LabelModels, item_summary, model_summary
from stormpetrel.learning.active.rounds import ActiveLearning, Scope, Start, cosines
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.training.examples import Float32, Rows

MAX_PATCHES_OF_TEXT = 3


@dataclass(frozen=True)
class FirstExample:
    """What a label begins with while it has no annotation: an item, a text, or the values of a vector."""

    item_id: str | None = None
    text: str | None = None
    values: Sequence[float] | None = None


def feedback(models: LabelModels, scope: Scope, label: str, batch_size: int, first: FirstExample) -> dict[str, Any]:
    """Trains the label's model on all annotations and ranks everything in scope. Returns what to look at next: the
    `top`, the `boundary` (where a label teaches most) and a `coverage` sample, and whether to go on (`advice`). `saved`
    is the share of the items that lies in no accepted cell of the coarser scale level `inside`: nobody need look at
    it."""
    models.annotations.check_label(label, scope.collection)
    learning = models.active_learning(scope)
    start, items = _first_examples(models, learning, first), learning.some_items()
    trained = learning.train(label, items, start)
    ranking = next_round(items.vectors, trained.examples, trained.ranker, batch_size)

    def summaries(rows: Rows) -> list[dict[str, Any]]:
        return [item_summary(items, int(row), float(ranking.scores[row])) for row in rows]

    return {
        "round": learning.store.last_round(label) + 1,
        "model": model_summary(trained, scope),
        "scored": len(items),
        "saved": round(1 - len(items) / len(_unlimited(learning).items()), 6) if scope.predicate.inside else 0.0,
        "positive_share": round(float((ranking.scores > 0).mean()), 6) if ranking.ranker.separates else None,
        "top": summaries(ranking.top),
        "boundary": summaries(ranking.boundary),
        "coverage": summaries(ranking.coverage),
        "advice": vars(learning.advice(label, items, ranking)),
    }


def _unlimited(learning: ActiveLearning) -> ActiveLearning:
    """The same scope, inside of whatever coarser cell."""
    predicate = learning.scope.predicate.model_copy(update={"inside": None})
    return replace(learning, scope=replace(learning.scope, predicate=predicate))


def _first_examples(models: LabelModels, learning: ActiveLearning, first: FirstExample) -> Start:
    kind, vector, annotations = learning.scope.collection.kind, learning.scope.vector, models.annotations
    examples: list[tuple[str, int, Float32 | None]] = []
    if first.item_id:
        stored = annotations.vectors.vectors(annotations.index_of(kind), [first.item_id], [vector])
        if vector not in stored.get(first.item_id, {}):
            raise NotFound(f"{first.item_id!r} is not among the {kind}, or has no {vector} vector")
        examples.append((first.item_id, 1, stored[first.item_id][vector]))
    if first.values:
        examples.append(("", 1, _unit_vector(first.values, learning)))
    if first.text and kind == "posts":
        examples.append(("", 1, models.encode_text(first.text)))
    elif first.text:
        examples += [(patch_id, 1, None) for patch_id in _patches_of_text(models, learning, first.text)]
    return examples


def _unit_vector(values: Sequence[float], learning: ActiveLearning) -> Float32:
    vector, items = np.asarray(values, dtype=np.float32), learning.everything()
    if len(items) and len(vector) != items.vectors.shape[1]:
        problem = f"it has {len(vector)} values, and this collection {items.vectors.shape[1]}"
        raise BadQuery("values", problem, "Send a vector of the descriptor that `vector` names")
    length = float(np.linalg.norm(vector))
    if not length or not np.isfinite(length):
        raise BadQuery("values", "it has no direction", "Send finite values, one of them not 0")
    return vector / length


def _patches_of_text(models: LabelModels, learning: ActiveLearning, text: str) -> list[str]:
    """A text has no pixels; the patches at the places and days that posts with this text write of do."""
    rows = learning.everything().rows
    patches = [patch_id for patch_id in dict.fromkeys(models.patches_of_text(text)) if patch_id in rows]
    if not patches:
        problem = "no patch lies where and when posts write of it"
        raise BadQuery("text", problem, "Begin with a patch instead (item_id): GET /v1/patches lists some")
    return patches[:MAX_PATCHES_OF_TEXT]


def descend(models: LabelModels, scope: Scope, label: str, scale_levels: Sequence[int], limit: int) -> dict[str, Any]:
    """The cascade of a label: a model a scale level, the finer level scored only inside what the coarser accepted."""
    models.annotations.check_label(label, scope.collection)
    if scope.collection.kind != "patches":
        raise BadQuery("collection", "posts have no scale levels", "Ask for patches")
    items, descent = models.active_learning(scope).descend(label, scale_levels)
    levels = sorted(scale_levels, reverse=True)
    order = np.argsort(-descent.scores, kind="stable")[:limit]
    return {
        "label": label,
        "scale_levels": levels,
        "patches": {str(level): len(of_level) for level, of_level in zip(levels, items, strict=True)},
        "scored": {str(level): count for level, count in descent.scored.items()},
        "saved": round(descent.saved, 6),
        "models": {str(level): model.version for level, model in zip(levels, descent.models, strict=True)},
        "positive": int((descent.scores[descent.seen] > 0).sum()),
        "top": [item_summary(items[-1], int(row), float(descent.scores[row])) for row in order if descent.seen[row]],
    }


def structured_query(
    models: LabelModels, scope: Scope, like: str | None, label: str | None, limit: int
) -> dict[str, Any]:
    """All items that match the scope's predicate, ranked by similarity to the item `like`, by the model of `label`, or
    by time (newest first)."""
    learning = models.active_learning(scope)
    items = learning.items()
    scores: NDArray[Any] = items.times
    model, ranked_by = None, "time"
    if like:
        everything = learning.everything()
        if like not in everything.rows:
            raise NotFound(f"{like!r} has no {scope.vector} vector in this collection and scale level")
        ranked_by, scores = "similarity", cosines(items.vectors, everything.vectors[everything.rows[like]])
    elif label:
        models.annotations.check_label(label, scope.collection)
        trained = learning.train(label, learning.everything())
        model, ranked_by, scores = model_summary(trained, scope), "label", trained.ranker.scores(items.vectors)
    order = np.argsort(-scores, kind="stable")[:limit]
    return {
        "found": len(items),
        "ranked_by": ranked_by,
        "model": model,
        "items": [{**item_summary(items, int(row), 0.0), "score": round(float(scores[row]), 6)} for row in order],
    }
