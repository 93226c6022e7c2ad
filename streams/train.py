"""annotations -> models.updated: trains the models that new annotations change, and publishes them.

At least once. What is published is a function of the annotations that stand in the log, so that what comes twice, or
comes again after a kill, makes the same model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from stormpetrel.core.clock import now
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ModelUpdated
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED
from stormpetrel.learning.training.online_learners import load_learners
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.learning.training.trainer import Key, Trainer
from stormpetrel.log import OutgoingRecord, Record, TopicReader, dead_letter_of, record_of_event
from stormpetrel.process.metrics import LABELS_LEARNED

log = structlog.get_logger()
STAGE = "train"


class TrainBatch:
    """The trainer as the log has taught it. Its work runs in a thread of its own, one batch at a time."""

    def __init__(self, reader: TopicReader, prior: Prior | None) -> None:
        self._reader, self._prior = reader, prior
        self._trainer: Trainer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="train")
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
        dead_letters: list[OutgoingRecord] = []
        for record in records:
            try:
                changed |= self._trainer.take(record.decode(*ANNOTATIONS.events), record.position)
            except StormpetrelError as error:
                self._trainer.pass_over(*record.position)
                log.warning("annotation goes to the dead letters", provenance=record.provenance, reason=str(error))
                dead_letters.append(dead_letter_of(record, str(error), STAGE))
        models = [self._trainer.model(key, now()) for key in sorted(changed)]
        LABELS_LEARNED.inc(len(records))
        return [record_of_event(MODELS_UPDATED, model.model_id, model) for model in models] + dead_letters

    def _read_log(self) -> tuple[Trainer, set[Key]]:
        """A trainer of the whole log as it stands, and the models of it that were never published."""
        trainer, published = Trainer(self._prior), self._published_models()
        trainer.remember(published.values())
        for record in self._reader.read(ANNOTATIONS):
            try:
                trainer.take(record.decode(*ANNOTATIONS.events), record.position)
            except StormpetrelError:
                trainer.pass_over(*record.position)  # it is dead-lettered when the agent comes to it
        return trainer, {key for key in trainer.keys if not trainer.is_published(key, published.get(key))}

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
