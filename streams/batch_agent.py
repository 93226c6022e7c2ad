"""A Faust agent that works on micro-batches and loses nothing: take, work, deliver, acknowledge; in this order.

While a batch's results are on their way to the broker, the next batch is worked on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.exceptions import ProducerSendError

from stormpetrel.core.topics import Topic
from stormpetrel.log import OutgoingRecord, Record
from stormpetrel.process.metrics import FRESHNESS

log = structlog.get_logger()
RETRY_S = 1.0
# Works on a batch and returns what is to be on the log before the batch counts as done.
Work = Callable[[Sequence[Record]], Awaitable[Sequence[OutgoingRecord]]]
# Queues a record; what it returns is done when the broker holds the record.
Send = Callable[[OutgoingRecord], Awaitable[Awaitable[Any]]]
# Ends the worker because of an error.
Crash = Callable[[Exception], Awaitable[None]]


def record_of(event: Any) -> Record:
    """A Faust event as a record of the log."""
    message = event.message
    headers = {name: value or b"" for name, value in dict(event.headers or {}).items()}
    return Record(
        message.topic,
        message.partition,
        message.offset,
        event.key,
        event.value or b"",
        headers,
        round(1000 * message.timestamp),
    )


async def process_batches(batches: AsyncIterable[Sequence[Any]], work: Work, send: Send, crash: Crash) -> None:
    """Works on one batch after another, each delivered while the next is worked on. Where one fails, nothing of it is
    acknowledged: `crash` ends the worker, for only a restart reads it again.
    """
    delivery: asyncio.Task[None] | None = None
    try:
        async for events in batches:
            try:
                results = await work([record_of(event) for event in events])
                if delivery is not None:
                    await delivery  # the order of the log holds, and no more than two batches are in memory
            except Exception as error:
                await crash(error)
                raise
            delivery = asyncio.create_task(_deliver_or_crash(events, results, send, crash))
        if delivery is not None:
            await delivery
    finally:
        if delivery is not None:
            delivery.cancel()  # the worker is stopped: what is not acknowledged comes again


async def _deliver_or_crash(events: Sequence[Any], results: Sequence[OutgoingRecord], send: Send, crash: Crash) -> None:
    """As `deliver`; where it fails, the worker does not wait for another batch to see it."""
    try:
        await deliver(events, results, send)
    except Exception as error:
        await crash(error)
        raise


async def deliver(events: Sequence[Any], results: Sequence[OutgoingRecord], send: Send) -> None:
    """Waits until the broker holds every result of a batch, and only then acknowledges its events."""
    undelivered = list(results)
    while undelivered:
        outcomes = await asyncio.gather(
            *[await _queued(send, result) for result in undelivered], return_exceptions=True
        )
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if not all(_may_pass(failure) for failure in failures):
            raise failures[0]
        undelivered = _to_send_again(undelivered, outcomes)
        if undelivered:
            # What was written in spite of the error is there twice, under the same id.
            log.warning("the broker did not take all results; sending them again", error=repr(failures[0]))
            await asyncio.sleep(RETRY_S)
    # Only when the broker has acknowledged them all may the offsets move: a crash before this line means that the
    # batch comes again.
    for event in events:
        event.ack()
    newest = max(event.message.timestamp for event in events)
    FRESHNESS.labels(events[0].message.topic).set(time.time() - newest)


def _to_send_again(results: Sequence[OutgoingRecord], outcomes: Sequence[Any]) -> list[OutgoingRecord]:
    """What failed, and what follows it under the same key: the newest version of a post must stand last on the log."""
    failed: set[tuple[str, bytes | None]] = set()
    again = []
    for result, outcome in zip(results, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            failed.add((result.topic, result.key))
        if (result.topic, result.key) in failed:
            again.append(result)
    return again


async def _queued(send: Send, record: OutgoingRecord) -> Awaitable[Any]:
    """As `send`; where the client has no room or no metadata in time, its error is that of the delivery."""
    try:
        return await send(record)
    except ProducerSendError as error:
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(error.__cause__ or error)
        return refused


def _may_pass(failure: BaseException) -> bool:
    """Whether the broker may take the same record a moment later."""
    return isinstance(failure, KafkaTimeoutError) or (isinstance(failure, KafkaError) and failure.retriable)


def sender(app: Any, topics: Sequence[Topic]) -> Send:
    """Sends to these topics and their dead letters through the app's own producer."""
    channels = {
        name: app.topic(name, key_serializer="raw", value_serializer="raw")
        for topic in topics
        for name in (topic.name, topic.dead().name)
    }

    async def send(record: OutgoingRecord) -> Awaitable[Any]:
        delivery: Awaitable[Any] = await channels[record.topic].send(
            key=record.key, value=record.value, headers=list(record.headers.items())
        )
        return delivery

    return send


def attach(app: Any, name: str, topic: Topic, work: Work, send: Send, batch: int, within_s: float) -> Any:
    """Adds an agent that gives `work` at most `batch` records at a time, after at most `within_s`."""
    channel = app.topic(topic.name, key_serializer="raw", value_serializer="raw")

    async def crash(error: Exception) -> None:
        log.error("the batch failed; the worker stops and its supervisor starts it again", agent=name, exc_info=error)
        await app.crash(error)

    async def agent(stream: Any) -> None:
        # noack_take: plain take() acknowledges in a `finally`, and one exception would lose a batch.
        await process_batches(stream.noack_take(batch, within=within_s), work, send, crash)

    return app.agent(channel, name=name)(agent)
