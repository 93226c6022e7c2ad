"""A source that ends by a fault of ours is started again, and no other source is disturbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from consumers.sources.kept_source import KeptSource
from consumers.sources.live_source import Gap, Message, Position
from consumers.sources.positions import Positions
from consumers.sources.source_runner import SourceRunner
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.posts.post_publisher import PostPublisher
from tests.unit.live_runs import NAMES


class Counting:
    """A LiveSource that gives one post a read, and breaks in a way that nobody foresaw after so many."""

    silence_s = 60.0

    def __init__(self, name: str, breaks_after: int | None) -> None:
        self.name, self._breaks_after = name, breaks_after
        self._next = 0

    def connect(self, position: str | None) -> None:
        self._next = int(position or 0)

    def read(self, timeout_s: float) -> list[Message]:
        time.sleep(0.002)
        if self._breaks_after is not None and self._next >= self._breaks_after:
            raise ZeroDivisionError("a fault of ours")
        self._next += 1
        text = f'{{"id": "{self.name}-{self._next}", "text": "flood", "created_at": "2025-11-04T19:40:00Z"}}'
        return [Message(text.encode(), self.name)]

    @property
    def position(self) -> Position | None:
        return Position(str(self._next)) if self._next else None

    @property
    def heard_at(self) -> float:
        return time.monotonic()

    def gap(self) -> Gap | None:
        return None

    def close(self) -> None:
        pass


def kept(log: MemoryLog, stopping: threading.Event, make: Callable[[], Counting]) -> KeptSource:
    def runner() -> SourceRunner:
        producer = MemoryProducer(log)
        positions = Positions(producer, MemoryTopicReader(log))
        return SourceRunner(
            make(), PostPublisher(producer, "file", pseudonyms=NAMES), positions, stopping, commit_every_s=0.01
        )

    return KeptSource(runner, stopping, longest_wait_s=0.05)


def test_a_source_with_a_fault_is_made_anew_and_the_others_go_on() -> None:
    log, stopping = MemoryLog(), threading.Event()
    breaks = iter([5, 10, None])
    faulty = kept(log, stopping, lambda: Counting("faulty", next(breaks)))
    sound = kept(log, stopping, lambda: Counting("sound", None))
    for source in (faulty, sound):
        source.start()

    def came(name: str) -> int:
        return len({record.key for record in log.records(POSTS_RAW.name) if name.encode() in (record.key or b"")})

    deadline = time.monotonic() + 20
    while came("faulty") < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert faulty.connected and sound.connected
    before = came("sound")
    stopping.set()
    for source in (faulty, sound):
        source.join(5)
    assert came("faulty") >= 40 and before >= 40
    assert next(breaks, "all were used") == "all were used"


def test_while_it_waits_it_says_why_and_counts_as_alive() -> None:
    log, stopping = MemoryLog(), threading.Event()
    faults: list[str] = []

    def make() -> Counting:
        if faults:
            raise OSError("no such host")
        faults.append("made once")
        return Counting("faulty", 0)

    source = kept(log, stopping, make)
    source.start()
    deadline = time.monotonic() + 20
    while "no such host" not in source.state and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "OSError" in source.state and not source.connected
    assert time.monotonic() - source.looked_at < 1
    stopping.set()
    source.join(5)
