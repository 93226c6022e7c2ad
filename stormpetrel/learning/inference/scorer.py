"""Scores incoming posts with the newest models and flags uncertain ones for labelling."""

from __future__ import annotations

import threading
import zlib
from types import SimpleNamespace
from typing import Any

import structlog

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ModelUpdated, Relevance, Vector
from stormpetrel.core.ids import Collection
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.process.metrics import model_in_use

log = structlog.get_logger()
DISCOUNT = 6.0  # of River's entropy sampler: at a probability of .8 it flags one post in seven, at .95 less than 2 %


def requests_label(probability: float, item_id: str) -> bool:
    """Whether a label for this item would teach much: River's entropy sampler. Its random draw is seeded with the
    item's id, so that the same item gets the same answer in every process."""
    from river import active

    classifier: Any = SimpleNamespace(predict_proba_one=lambda _: {True: probability, False: 1 - probability})
    sampler = active.EntropySampler(classifier, discount_factor=DISCOUNT, seed=zlib.crc32(item_id.encode()))
    _, is_requested = sampler.predict_proba_one({})
    return bool(is_requested)


class Scorer:
    """The newest model of every label; one thread updates them while others score."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[ModelUpdated, LinearModel | None]] = {}
        self._lock = threading.Lock()

    def take(self, event: ModelUpdated) -> None:
        """The event's model replaces the label's earlier one."""
        try:
            served = LinearModel.from_fields(event.weights) if event.serving != "none" else None
        except MalformedRecord as error:
            log.warning("a model cannot be used", model=event.model_id, reason=str(error))
            return
        with self._lock:
            self._models[event.model_id] = event, served
        model_in_use(event.model_id, event.model_version)

    def models(self) -> list[ModelUpdated]:
        """The newest models, by id."""
        with self._lock:
            return [event for _, (event, _) in sorted(self._models.items())]

    def get(self, model_id: str) -> ModelUpdated | None:
        with self._lock:
            return self._models.get(model_id, (None, None))[0]

    def score(self, post_id: str, vector: Vector) -> tuple[Relevance, ...]:
        """What each model of posts predicts, by model; models of another text model's vectors are left out."""
        with self._lock:
            models = sorted(self._models.items())
        relevance = []
        for _, (event, model) in models:
            if model and event.vector_model == vector.model and Collection.parse(event.collection).kind == "posts":
                probability = model.probability(vector.values())
                scored = {"probability": round(probability, 6), "unsure": requests_label(probability, post_id)}
                model_fields = event.model_dump(include={"collection", "label", "model_version"})
                relevance.append(Relevance(**model_fields, **scored))
        return tuple(relevance)
