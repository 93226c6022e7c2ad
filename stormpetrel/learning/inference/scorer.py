"""Taught models where posts come in: what each says of a post, and whether it would rather ask a person."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from typing import Any

import structlog

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ModelUpdated, Relevance, Vector
from stormpetrel.core.ids import Collection
from stormpetrel.learning.training.linear_model import LinearModel

log = structlog.get_logger()
DISCOUNT = 6.0  # of River's entropy sampler: at a probability of .8 one post in seven is asked about, at .95 none in 50


@dataclass(frozen=True)
class _ScoredModel:
    told: ModelUpdated
    model: LinearModel


class _Said:
    """A probability as River's sampler asks a classifier for it."""

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def predict_proba_one(self, x: Any) -> dict[bool, float]:
        return {True: self._probability, False: 1 - self._probability}


def requests_label(probability: float, item_id: str) -> bool:
    """Whether a label for this item would teach much: River's entropy sampler, its chance drawn from the item's id, so
    that the same item gets the same answer everywhere."""
    from river import active

    made: Any = active.EntropySampler
    sampler = made(_Said(probability), discount_factor=DISCOUNT, seed=zlib.crc32(item_id.encode()))
    _, ask = sampler.predict_proba_one({})
    return bool(ask)


class Scorer:
    """The newest model of every label; changed by one thread while others ask."""

    def __init__(self) -> None:
        self._models: dict[str, ModelUpdated] = {}
        self._live: dict[str, _ScoredModel] = {}
        self._lock = threading.Lock()

    def take(self, event: ModelUpdated) -> None:
        """The event's model takes the place of what stood there."""
        live = None
        if event.serving != "none":
            try:
                live = _ScoredModel(event, LinearModel.read(event.weights))
            except MalformedRecord as error:
                log.warning("a model is not taken", model=event.model_id, reason=str(error))
                return
        with self._lock:
            self._models[event.model_id] = event
            if live is None:
                self._live.pop(event.model_id, None)
            else:
                self._live[event.model_id] = live

    def all(self) -> list[ModelUpdated]:
        with self._lock:
            return [self._models[own] for own in sorted(self._models)]

    def judged(self, post_id: str, vector: Vector) -> tuple[Relevance, ...]:
        """What the models of posts say, by model; those taught by another text model say nothing."""
        with self._lock:
            held = [self._live[own] for own in sorted(self._live)]
        values, found = None, []
        for live in held:
            if Collection.parse(live.told.collection).kind != "posts" or live.told.vector_model != vector.model:
                continue
            values = vector.values() if values is None else values
            probability = live.model.probability(values)
            found.append(
                Relevance(
                    collection=live.told.collection,
                    label=live.told.label,
                    probability=round(probability, 6),
                    unsure=requests_label(probability, post_id),
                    model_version=live.told.model_version,
                )
            )
        return tuple(found)
