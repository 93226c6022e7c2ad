"""Faust's consumer, able to hold topics back: old posts are read only while few new ones wait."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import structlog
from faust.transport.drivers.aiokafka import Consumer

from stormpetrel.core.topics import POSTS_RAW, Topic
from stormpetrel.log.lag import LagMonitor

log = structlog.get_logger()
LOOK_AGAIN_S = 1.0


class HoldingConsumer(Consumer):
    """Reads no record of the topics that are in `held_back` at that moment.

    What it has read of them before is worked on. Faust's own ways do not hold: a rebalance, a recovery or a buffer that
    has emptied takes them back, and `pause_partitions` drops the rest of a batch that is being delivered.
    """

    def __init__(self, *arguments: Any, held_back: Collection[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held_back = held_back

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        wanted = {place for place in active_partitions if place.topic not in self._held_back}
        if wanted:
            return await super()._getmany(wanted, timeout)
        await self.sleep(LOOK_AGAIN_S)  # of no partition the client would read all of them
        return {}


def read_without(app: Any, held_back: Collection[str]) -> None:
    """The app, which has not started, will read nothing of the topics that are in `held_back` at that moment."""
    app.transport.Consumer = partial(HoldingConsumer, held_back=held_back)


def hold_back(topic: Topic, lag: LagMonitor, most_waiting: int) -> None:
    """Holds a topic back while more new posts wait than that, or while it is not known how many do."""
    held = lag.group_lags.get(POSTS_RAW.name, most_waiting + 1) > most_waiting
    if held != (topic.name in lag.held_back):
        (lag.held_back.add if held else lag.held_back.discard)(topic.name)
        log.info("a topic is held back" if held else "a topic is read", topic=topic.name)
