"""Runs a live source against a server on this machine and a log in memory, with kills at random points."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from consumers.sources.live_source import LiveSource
from consumers.sources.positions import Positions
from consumers.sources.recent_events import RecentEvents, newest_events
from consumers.sources.source_runner import SourceRunner
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.topics import POSTS_RAW, SOURCE_POSITIONS
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.posts.pseudonyms import Pseudonyms

NAMES = Pseudonyms(bytes(32))


class Killed(BaseException):
    """The process is gone: nothing of its own is done any more."""


class MortalProducer(MemoryProducer):
    """Dies, with all that it has queued, after so many records; half of the time while it flushes."""

    def __init__(self, log: MemoryLog, lives_for: int | None, in_flush: bool = False) -> None:
        super().__init__(log)
        self._left, self._in_flush = lives_for, in_flush

    def send(self, record):  # type: ignore[no-untyped-def]
        if not self._in_flush:
            self._age()
        super().send(record)

    def flush(self, timeout_s: float = 60.0) -> None:
        try:
            while self._in_flush and self.queued:
                self._age()
                self._log.append(self.queued.pop(0))
            super().flush(timeout_s)
        except StoreUnavailable:
            self.queued.clear()  # Kafka's client gives them up as well
            raise

    def _age(self) -> None:
        if self._left is None or not self._log.records(SOURCE_POSITIONS.name):
            return  # before its first position a source begins where the network is
        self._left -= 1
        if self._left <= 0:
            raise Killed


def run_until(
    log: MemoryLog,
    open_source: Callable[[], LiveSource],
    is_done: Callable[[], bool],
    kills: int = 0,
    seed: int = 1,
    between_kills: int = 300,
    within_s: float = 60.0,
) -> list[SourceRunner]:
    """Runs a source, kills it so many times, starts it again each time, and stops once `is_done`."""
    draw, runners = random.Random(seed), []
    deadline = time.monotonic() + within_s
    while True:
        lives_for = draw.randint(1, between_kills) if len(runners) < kills else None
        producer = MortalProducer(log, lives_for, draw.random() < 0.5)
        runner = _runner(log, producer, open_source(), stopping := threading.Event())
        runners.append(runner)
        died = threading.Event()
        thread = threading.Thread(target=_mortal, args=(runner, died))
        thread.start()
        while thread.is_alive() and not is_done() and time.monotonic() < deadline:
            time.sleep(0.01)
        stopping.set()
        thread.join(10)
        runner.source.close()
        if not died.is_set():
            assert is_done(), f"not done in {within_s} s: {runner.state}"
            return runners


def _mortal(runner: SourceRunner, died: threading.Event) -> None:
    try:
        runner.run()
    except Killed:
        died.set()


def _runner(log: MemoryLog, producer: MemoryProducer, source: LiveSource, stopping: threading.Event) -> SourceRunner:
    reader, recent = MemoryTopicReader(log), RecentEvents(50_000)
    return SourceRunner(
        source,
        PostPublisher(producer, source.name, recent=recent, pseudonyms=NAMES),
        Positions(producer, reader),
        stopping,
        commit_every_s=0.05,
        longest_wait_s=0.05,
        prepare=lambda: recent.learn(newest_events(reader, POSTS_RAW)),
    )


def published(log: MemoryLog) -> Counter[str]:
    """How often each post id stands on `posts.raw`."""
    return Counter((record.key or b"").decode() for record in log.records(POSTS_RAW.name))
