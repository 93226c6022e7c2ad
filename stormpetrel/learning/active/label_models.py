"""What the use cases of label models need, and how answers describe models and items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stormpetrel.core.ports import EventProducer
from stormpetrel.learning.active.embedding_cache import EmbeddingCache, Items
from stormpetrel.learning.active.rounds import ActiveLearning, Scope, TrainedModel
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.examples import Float32
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.learning.training.support_vector_ranker import probability

MAX_LISTED = 1000  # annotations that an answer lists one by one


@dataclass(frozen=True)
class LabelModels:
    """`scorer` has the stream's models, `prior` what other events teach of a label of posts. `encode_text` gives a
    text's vector (dimensions,) float32, `patches_of_text` the ids of the patches that posts write of, the best first;
    both may raise ModelUnavailable."""

    annotations: Annotations
    embedding_cache: EmbeddingCache
    prior: Prior | None
    scorer: Scorer
    producer: EventProducer
    encode_text: Callable[[str], Float32]
    patches_of_text: Callable[[str], Sequence[str]]

    def active_learning(self, scope: Scope) -> ActiveLearning:
        """Active learning over a scope, with its collection's annotations as they are now."""
        store = self.annotations.journal.store(scope.collection)
        return ActiveLearning(self.embedding_cache, self.annotations.index_of, self.prior, scope, store)


def model_summary(trained: TrainedModel, scope: Scope) -> dict[str, Any]:
    """A model as answers describe it, with the annotations behind it. `version` is the one of `GET /v1/models` where
    both learned from the same annotations."""
    ids = [item.newest.annotation_id for item in trained.consensus if item.sign]
    return {
        "version": trained.model.version,
        "vector": scope.vector,
        "scale_level": scope.scale_level,
        "separates": trained.ranker.separates,
        "threshold": round(trained.threshold, 6),
        "provisional": trained.provisional,
        "labels": trained.counts,
        "annotations": ids[:MAX_LISTED],
        "annotations_left_out": max(0, len(ids) - MAX_LISTED),
    }


def item_summary(items: Items, row: int, score: float) -> dict[str, Any]:
    """An item as answers describe it; `point` is (longitude, latitude)."""
    longitude, latitude = float(items.longitudes[row]), float(items.latitudes[row])
    return {
        "item_id": items.ids[row],
        "score": round(score, 6),
        "probability": round(probability(score), 6),
        "time_ms": int(items.times[row]),
        "point": None if np.isnan(longitude) else [longitude, latitude],
    }
