"""Scores incoming posts with the newest models and flags uncertain ones for labelling."""

from __future__ import annotations

import threading
import zlib
from typing import Any

import structlog

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ModelUpdated, Relevance, Vector
from stormpetrel.core.ids import Collection
from stormpetrel.learning.training.linear_model import LinearModel

log = structlog.get_logger()
DISCOUNT = 6.0  # of River's entropy sampler: at a probability of .8 it flags one post in seven, at .95 less than 2 %


class _Prediction:
    """A probability in the form in which River's sampler asks a classifier for it."""

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def predict_proba_one(self, x: Any) -> dict[bool, float]:
        return {True: self._probability, False: 1 - self._probability}


def requests_label(probability: float, item_id: str) -> bool:
    """Whether a label for this item would teach much: River's entropy sampler. Its random draw is seeded with the
    item's id, so that the same item gets the same answer in every process."""
    from river import active

    entropy_sampler: Any = active.EntropySampler
    sampler = entropy_sampler(_Prediction(probability), discount_factor=DISCOUNT, seed=zlib.crc32(item_id.encode()))
    _, is_requested = sampler.predict_proba_one({})
    return bool(is_requested)


class Scorer:
    """The newest model of every label; one thread updates them while others score."""

    def __init__(self) -> None:
        self._events: dict[str, ModelUpdated] = {}
        self._served: dict[str, tuple[ModelUpdated, LinearModel]] = {}
        self._lock = threading.Lock()

    def take(self, event: ModelUpdated) -> None:
        """The event's model replaces the label's earlier one."""
        served = None
        if event.serving != "none":
            try:
                served = event, LinearModel.from_fields(event.weights)
            except MalformedRecord as error:
                log.warning("a model cannot be used", model=event.model_id, reason=str(error))
                return
        with self._lock:
            self._events[event.model_id] = event
            if served is None:
                self._served.pop(event.model_id, None)
            else:
                self._served[event.model_id] = served

    def models(self) -> list[ModelUpdated]:
        """The newest models, by id."""
        with self._lock:
            return [self._events[model_id] for model_id in sorted(self._events)]

    def get(self, model_id: str) -> ModelUpdated | None:
        with self._lock:
            return self._events.get(model_id)

    def score(self, post_id: str, vector: Vector) -> tuple[Relevance, ...]:
        """What each model of posts predicts, by model; models of another text model's vectors are left out."""
        with self._lock:
            served = [self._served[model_id] for model_id in sorted(self._served)]
        relevance = []
        for event, model in served:
            if Collection.parse(event.collection).kind != "posts" or event.vector_model != vector.model:
                continue
            probability = model.probability(vector.values())
            relevance.append(
                Relevance(
                    collection=event.collection,
                    label=event.label,
                    probability=round(probability, 6),
                    unsure=requests_label(probability, post_id),
                    model_version=event.model_version,
                )
            )
        return tuple(relevance)
