"""The faults: what strikes, and how it ends. Each one is drawn by a seeded generator, so that a run can be replayed."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.system import OURS, SERVERS, ChaosSystem
from tests.chaos.tcp_proxy import Weather

Act = Callable[[ChaosSystem], None]


@dataclass(frozen=True)
class Fault:
    """What strikes a system, what ends it, and for how long it holds at the most, as a share of the longest time."""

    name: str
    strike: Act
    end: Act
    share: float = 0.0


def _nothing(_: ChaosSystem) -> None:
    """A kill ends by itself: the supervisor starts the process again."""


def _signal(name: str, number: signal.Signals) -> Act:
    return lambda system: system.signal(name, number)


def _weather(link: str, weather: Weather) -> Act:
    return lambda system: system.proxies[link].set(weather)


def all_faults(can_fill_disk: bool) -> list[Fault]:
    """Every process killed, frozen and restarted; every server gone; every link in every weather; the disk full."""
    faults = []
    for name in (*OURS, *SERVERS):
        faults += [
            Fault(f"kill {name}", _signal(name, signal.SIGKILL), _nothing),
            Fault(f"restart {name}", _signal(name, signal.SIGTERM), _nothing),
            Fault(f"freeze {name}", _signal(name, signal.SIGSTOP), _signal(name, signal.SIGCONT), 0.4),
        ]
    for name in SERVERS:
        faults.append(
            Fault(
                f"{name} gone",
                lambda system, name=name: system.kill_and_hold(name),  # type: ignore[misc]
                lambda system, name=name: system.release(name),  # type: ignore[misc]
                1.0,
            )
        )
        kinds = [weather for weather in Weather if weather is not Weather.CLEAR]
        for weather in kinds if name == "qdrant" else kinds[:-1]:  # only Qdrant's link speaks HTTP
            faults.append(Fault(f"{name} {weather.value}", _weather(name, weather), _weather(name, Weather.CLEAR), 0.3))
    if can_fill_disk:
        faults.append(Fault("disk full", ChaosSystem.fill_disk, ChaosSystem.empty_disk, 0.3))
    return faults


def rounds(seed: int, can_fill_disk: bool, longest_s: float, only: tuple[str, ...] = ()) -> Rounds:
    """The rounds of a seed; `only` faults whose names have one of these words, if any are given."""
    faults = [fault for fault in all_faults(can_fill_disk) if not only or any(word in fault.name for word in only)]
    return Rounds(random.Random(seed), faults, longest_s)


class Rounds:
    """Rounds of one to three faults at once, with the seconds that they hold; each fault comes once before any comes
    twice."""

    def __init__(self, generator: random.Random, faults: list[Fault], longest_s: float) -> None:
        self._random, self._faults, self._longest_s = generator, faults, longest_s
        self._left: list[Fault] = []

    def next(self, most: int) -> tuple[list[Fault], float]:
        """At most `most` faults, and how long they hold, seconds."""
        if len(self._left) < 3:
            more = list(self._faults)
            self._random.shuffle(more)
            self._left = more + self._left
        count = min(most, len(self._left), self._random.choice((1, 1, 2, 3)))
        faults = [self._left.pop() for _ in range(count)]
        longest = max(fault.share for fault in faults) * self._longest_s
        return faults, self._random.uniform(0.5, 1.0) * longest
