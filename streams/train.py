"""annotations -> models.updated: trains the models that new annotations change, and publishes them.

At least once. What is published is a function of the annotations that stand in the log, so that what comes twice, or
comes again after a kill, makes the same model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import structlog

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import Annotation, ModelUpdated
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED
from stormpetrel.learning.training.online_learners import load_learners
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.learning.training.trainer import Key, Trainer
from stormpetrel.log import OutgoingRecord, Record, TopicReader, dead_letter_of, record_of_event
from stormpetrel.process.metrics import LABELS_LEARNED

log = structlog.get_logger()
STAGE = "train"
LEARNERS_AFTER_S = 20.0  # an annotation that comes before loads them itself
LARGEST_VALUE = 1e6  # of a vector: the square of a larger one's norm leaves float32


class TrainBatch:
    """The trainer as the log has taught it. Its work runs in a thread of its own, one batch at a time."""

    def __init__(self, reader: TopicReader, prior: Prior | None) -> None:
        self._reader, self._prior = reader, prior
        self._trainer: Trainer | None = None
        self._dimensions: dict[tuple[str, str], int] = {}  # of a collection's vectors, by model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="train")

    async def load_learners_later(self) -> None:
        """Loads the libraries of learners when the posts that waited for this process are likely done: they cost as
        much processor time as the rest of its start."""
        await asyncio.sleep(LEARNERS_AFTER_S)
        self._thread.submit(load_learners)

    async def __call__(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        """The models that these annotations change, and dead letters of what cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.train, records)

    def train(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        changed: set[Key] = set()
        first_offsets = {record.partition: record.offset for record in reversed(records)}
        if self._trainer is None or any(self._trainer.misses(*first) for first in first_offsets.items()):
            # A process that has just started, or that got another's partitions, does not know what came before.
            self._trainer, changed = self._read_log()
        results: list[OutgoingRecord] = []
        for record in records:
            taken = self._take(self._trainer, record)
            if isinstance(taken, str):
                results.append(_dead_letter(record, taken))
            else:
                changed |= taken
        for key in sorted(changed):
            try:
                model = self._trainer.model(key, now())
                results.append(record_of_event(MODELS_UPDATED, model.model_id, model).checked())
            except Exception as error:
                # The annotations stay on the log; a label that cannot be learned must not keep the others waiting.
                log.exception("a label cannot be learned", collection=key[0], label=key[1])
                reason = f"the label cannot be learned with it: {type(error).__name__}: {error}"
                results += [_dead_letter(record, reason) for record in records if _key_of(record) == key]
        LABELS_LEARNED.inc(len(records))
        return results

    def _take(self, trainer: Trainer, record: Record) -> set[Key] | str:
        """Teaches the trainer a record: the models that it changes, or the reason where it is refused. No record of a
        topic that is kept for ever may stop its readers."""
        try:
            event = record.decode(*ANNOTATIONS.events)
            if isinstance(event, Annotation):
                self._check(event)
            return trainer.take(event, record.position)
        except Exception as error:
            trainer.pass_over(*record.position)
            return str(error) if isinstance(error, StormpetrelError) else f"{type(error).__name__}: {error}"

    def _check(self, event: Annotation) -> None:
        """Raises MalformedRecord where no learner could take the annotation's vectors."""
        for vector in event.vectors.values():
            values = vector.values()
            if not np.isfinite(values).all() or np.abs(values).max(initial=0) > LARGEST_VALUE:
                raise MalformedRecord(f"the vector of {vector.model} has values that nothing can be learned from")
            space = event.collection, vector.model
            known = self._dimensions.setdefault(space, vector.dimensions)
            if vector.dimensions != known:
                raise MalformedRecord(
                    f"the vector of {vector.model} has {vector.dimensions} values, others of {event.collection} {known}"
                )

    def _read_log(self) -> tuple[Trainer, set[Key]]:
        """A trainer of the whole log as it stands, and the models of it that were never published."""
        trainer, published = Trainer(self._prior), self._published_models()
        trainer.remember(published.values())
        self._dimensions.clear()
        for record in self._reader.read(ANNOTATIONS):
            self._take(trainer, record)  # what is refused is dead-lettered when the agent comes to it
        return trainer, {key for key in trainer.keys if not _is_published(trainer, key, published.get(key))}

    def _published_models(self) -> dict[Key, ModelUpdated]:
        models: dict[Key, ModelUpdated] = {}
        for record in self._reader.read(MODELS_UPDATED):
            try:
                model: ModelUpdated = record.decode(ModelUpdated)
            except StormpetrelError as error:
                log.warning("a published model cannot be read; it is trained again", reason=str(error))
                continue
            models[model.collection, model.label] = model
        return models


def _dead_letter(record: Record, reason: str) -> OutgoingRecord:
    log.warning("annotation goes to the dead letters", provenance=record.provenance, reason=reason)
    return dead_letter_of(record, reason, STAGE)


def _key_of(record: Record) -> Key | None:
    """The label that an annotation is of."""
    try:
        annotation: Annotation = record.decode(Annotation)
    except StormpetrelError:
        return None
    return annotation.collection, annotation.label


def _is_published(trainer: Trainer, key: Key, published: ModelUpdated | None) -> bool:
    try:
        return trainer.is_published(key, published)
    except Exception as error:
        log.warning("a label cannot be learned", collection=key[0], label=key[1], reason=repr(error))
        return True
