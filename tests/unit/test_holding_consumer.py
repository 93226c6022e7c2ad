"""Topics that wait for others, on Faust's own consumer, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from faust.transport.utils import DefaultSchedulingStrategy

from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_RAW
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.process.probes import Readiness
from streams.holding_consumer import HoldingConsumer, hold_back


class FaustPlace(NamedTuple):
    topic: str
    partition: int


def test_old_posts_are_read_only_while_few_new_ones_wait() -> None:
    lag = LagMonitor(cast(GroupOffsets, None), [], list, Readiness("the test"), 60)

    def held_back() -> set[str]:
        hold_back(POSTS_BACKFILL, lag, 64)
        return lag.held_back

    assert held_back() == {POSTS_BACKFILL.name}, "before the lag is known"
    lag.group_lags[POSTS_RAW.name] = 64
    assert held_back() == set()
    lag.group_lags[POSTS_RAW.name] = 65
    assert held_back() == {POSTS_BACKFILL.name}


class ReadingConsumer(HoldingConsumer):
    """What Faust's consumer knows while it reads; its own methods, and how it holds back, work on this."""

    should_stop, flow_active, scheduler = False, True, DefaultSchedulingStrategy()

    def __init__(self, held_back: set[str]) -> None:
        self._held_back, self.asked_for = held_back, list[set[str]]()
        self._active_partitions = {FaustPlace(topic.name, n) for topic in (POSTS_RAW, POSTS_BACKFILL) for n in range(2)}
        self._buffered_partitions, self.not_waiting_next_records = set[Any](), asyncio.Event()
        self._thread, self.slept = SimpleNamespace(getmany=self.read), 0.0
        monitor = SimpleNamespace(track_tp_end_offset=lambda *_: None)
        app = SimpleNamespace(client_only=False, in_recovery=False, consumer_generation_id=1, monitor=monitor)
        self.app = cast(Any, app)

    def _get_active_partitions(self) -> set[Any]:
        return self._active_partitions

    async def read(self, places: set[Any], timeout: float) -> Any:
        self.asked_for.append({place.topic for place in places})
        return {place: [f"{place.topic} {n}" for n in range(3)] for place in places}

    async def sleep(self, n: Any) -> None:
        self.slept += n

    def highwater(self, place: Any) -> int:
        return 3

    def _to_message(self, place: Any, record: Any) -> Any:
        return record


async def read_once(consumer: ReadingConsumer, in_the_middle: Callable[[], None] = lambda: None) -> list[Any]:
    delivered: list[Any] = []
    async for _, record in consumer.getmany(timeout=0):
        delivered.append(record)
        in_the_middle()
    return delivered


def test_what_was_fetched_of_a_topic_that_is_held_back_is_still_delivered() -> None:
    """Before: it was dropped, and its partition stood still until the next rebalance."""
    held_back: set[str] = set()
    consumer = ReadingConsumer(held_back)
    assert len(asyncio.run(read_once(consumer, lambda: held_back.add(POSTS_BACKFILL.name)))) == 12
    assert consumer.asked_for == [{POSTS_RAW.name, POSTS_BACKFILL.name}]


def test_no_more_is_read_of_a_topic_that_is_held_back_whatever_its_buffer_does() -> None:
    """Before: a buffer that had emptied, or a rebalance, took it back until the next beat."""
    consumer = ReadingConsumer({POSTS_BACKFILL.name})
    for place in list(consumer._active_partitions):
        consumer.on_buffer_full(place)
        consumer.on_buffer_drop(place)
    asyncio.run(read_once(consumer))
    assert consumer.asked_for == [{POSTS_RAW.name}]


def test_a_member_whose_partitions_are_all_held_back_reads_nothing_and_does_not_spin() -> None:
    consumer = ReadingConsumer({POSTS_BACKFILL.name})
    consumer._active_partitions = cast(Any, {FaustPlace(POSTS_BACKFILL.name, 0)})
    assert asyncio.run(read_once(consumer)) == [] and consumer.slept > 0
    assert consumer.asked_for == [], "of no partition the client would read all of them"
