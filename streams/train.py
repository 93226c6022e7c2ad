"""annotations -> models.updated: takes annotations as they come, teaches the label's learners, publishes the model.

At least once: offsets are acknowledged after the broker holds the models. What is published is a function of the
annotations that stand in the log, so that what comes twice, or comes again after a kill, makes the same model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import Annotation, AnnotationUndone, LabelDefined, ModelUpdated, decode, encode, headers_of
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED
from stormpetrel.learning.training.online_learners import load_learners
from stormpetrel.learning.training.relevance_model import Prior
from stormpetrel.learning.training.trainer import Key, Trainer
from stormpetrel.log.kafka import dead_letter_headers, read_whole
from stormpetrel.process.metrics import LABELS_LEARNED

log = structlog.get_logger()
STAGE = "learn"


def _decoded(value: bytes | None, headers: Any) -> Annotation | AnnotationUndone | LabelDefined:
    schema = dict(headers or []).get("schema", b"").decode(errors="replace")
    found: Annotation | AnnotationUndone | LabelDefined = decode(
        value or b"", Annotation, AnnotationUndone, LabelDefined, schema=schema
    )
    return found


class Learning:
    """The teacher, as the log has taught it. Its work runs in a thread of its own, one batch at a time."""

    def __init__(self, bootstrap: str, prior: Prior | None) -> None:
        self._bootstrap, self._prior = bootstrap, prior
        self._trainer: Trainer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="learn")
        self._thread.submit(load_learners)

    async def taken(self, messages: Sequence[Any]) -> tuple[list[ModelUpdated], list[tuple[Any, str]]]:
        """The models that these messages change, and the messages that cannot be read, with their reasons."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._take, messages)

    def _read(self) -> tuple[Trainer, set[Key]]:
        """A teacher of the whole log as it stands, and the models of it that were never published."""
        trainer, published = Trainer(self._prior), self._published()
        trainer.remember(published.values())
        for message in read_whole(self._bootstrap, ANNOTATIONS.name):
            place = (message.partition(), message.offset())
            try:
                trainer.take(_decoded(message.value(), message.headers()), place)
            except StormpetrelError:
                trainer.pass_over(*place)  # the agent buries it when it comes to it
        return trainer, {key for key in trainer.keys if not trainer.is_published(key, published.get(key))}

    def _published(self) -> dict[Key, ModelUpdated]:
        found: dict[Key, ModelUpdated] = {}
        for message in read_whole(self._bootstrap, MODELS_UPDATED.name):
            try:
                event = decode(message.value() or b"", ModelUpdated, schema=ModelUpdated.name())
            except StormpetrelError as error:
                log.warning("a published model cannot be read; it is learned again", reason=str(error))
                continue
            found[event.collection, event.label] = event
        return found

    def _take(self, messages: Sequence[Any]) -> tuple[list[ModelUpdated], list[tuple[Any, str]]]:
        changed: set[Key] = set()
        places = [(event.message.partition, event.message.offset) for event in messages]
        if self._trainer is None or any(self._trainer.misses(*place) for place in _first_of_each(places)):
            # A process that has just started, or that got another's partitions, does not know what came before.
            self._trainer, changed = self._read()
        dead: list[tuple[Any, str]] = []
        for event, place in zip(messages, places, strict=True):
            try:
                changed |= self._trainer.take(_decoded(event.value, event.headers), place)
            except StormpetrelError as error:
                self._trainer.pass_over(*place)
                dead.append((event, str(error)))
        return [self._trainer.model(key, datetime.now(UTC)) for key in sorted(changed)], dead


def _first_of_each(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The lowest offset of each partition."""
    first: dict[int, int] = {}
    for partition, offset in places:
        first[partition] = min(offset, first.get(partition, offset))
    return list(first.items())


def attach(app: Any, learning: Learning, batch: int, within_s: float) -> Any:
    """Adds the learn agent to a Faust app; the agent is returned."""
    annotations = app.topic(ANNOTATIONS.name, key_serializer="raw", value_serializer="raw")
    models = app.topic(MODELS_UPDATED.name, key_serializer="raw", value_serializer="raw")
    dead = app.topic(ANNOTATIONS.dead().name, key_serializer="raw", value_serializer="raw")

    async def publish(made: Sequence[ModelUpdated]) -> None:
        sent = [
            await models.send(key=one.model_id.encode(), value=encode(one), headers=headers_of(one)) for one in made
        ]
        await asyncio.gather(*sent)

    @app.agent(annotations, name="learn")
    async def learn(stream: Any) -> None:
        async for events in stream.noack_take(batch, within=within_s):
            try:
                made, unreadable = await learning.taken(events)
                await publish(made)
                for event, reason in unreadable:
                    origin = f"{event.message.topic}/{event.message.partition}/{event.message.offset}"
                    log.warning("annotation goes to the dead letters", origin=origin, reason=reason)
                    headers = dead_letter_headers(reason, STAGE, origin, kept=dict(event.headers or {}))
                    await (await dead.send(key=event.key, value=event.value, headers=headers))
                # Only now: a crash before this line means that these annotations come again.
                for event in events:
                    event.ack()
                LABELS_LEARNED.inc(len(events))
            except Exception as error:
                log.exception("learning failed; the worker stops and its supervisor starts it again")
                await app.crash(error)
                raise

    return learn
