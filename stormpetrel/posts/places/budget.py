"""What the places of one post may cost. Without it, one post of brackets or of thousands of names would hold the worker
for a minute."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

CHARACTERS = 5000  # of a post; longer ones are rare, and say where they are at their beginning
SECONDS = 1.0  # of the processor, a hundred times what a usual post takes


TOLERANCE = 0.1  # seconds by which the time on the processor may be told too high


class ProcessorTime(threading.local):
    """The thread's own time on the processor, in seconds, at most `TOLERANCE` too high.

    The system takes up to 9 ms for an answer on a busy machine where processes are watched closely. So it is asked
    seldom, and in between the time on the wall is added, than which the thread's own cannot be longer.
    """

    def __init__(self) -> None:
        self._answer, self._answered_at = 0.0, -math.inf

    def __call__(self) -> float:
        waited = time.perf_counter() - self._answered_at
        if waited < TOLERANCE:
            return self._answer + waited
        self._answer, self._answered_at = time.thread_time(), time.perf_counter()
        return self._answer


processor_time = ProcessorTime()


class Budget:
    """How many characters of a post are searched for place names, and how many seconds it may take.

    The time counts within `with budget:` alone. By default it is the thread's own time on the processor, so that a busy
    machine does not take a post's places away. `cuts` says what was left out, by the kind of limit.
    """

    def __init__(
        self, characters: int = CHARACTERS, seconds: float = SECONDS, clock: Callable[[], float] = processor_time
    ) -> None:
        self.clock, self.cuts = clock, dict[str, str]()
        self._characters, self._seconds, self._end = characters, seconds, math.inf

    def __enter__(self) -> None:
        self._end = self.clock() + self._seconds

    def __exit__(self, *_: object) -> None:
        self._seconds, self._end = self._end - self.clock(), math.inf

    def charge(self, seconds: float) -> None:
        """Takes off the post's share of work on several posts."""
        self._seconds -= seconds

    def head(self, text: str) -> str:
        """The part of a text that is searched."""
        if len(text) > self._characters:
            self.cuts["characters"] = f"only the first {self._characters:,} of {len(text):,} characters were searched"
        return text[: self._characters]

    def is_spent(self) -> bool:
        """Whether the time is up; the work on the post's places stops then."""
        if self.clock() < self._end:
            return False
        self.cuts["time"] = "the time ran out before all names were found and resolved"
        return True
