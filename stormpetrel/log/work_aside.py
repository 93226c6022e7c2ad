"""Long work of a member of a consumer group, done beside its membership."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

Result = TypeVar("Result")
QUIET_S = 2.0  # how long work may take before the group is told that this member lives; most takes less


class Pausing(Protocol):
    def pause(self, seconds: float) -> None:
        """Takes no record for so long, and stays a member of the group."""


class WorkAside:
    """Does work in a thread of its own, always the same, while the thread that asks for it stays a member of its group:
    a group that forms anew waits for a member that does not ask, and then goes on without it."""

    def __init__(self, member: Pausing, name: str) -> None:
        self._member, self._thread = member, ThreadPoolExecutor(1, thread_name_prefix=name)

    def do(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, or what it raises."""
        done = self._thread.submit(work)
        wait([done], QUIET_S)
        while not done.done():
            self._member.pause(0.1)
        return done.result()

    def close(self) -> None:
        """Waits for nothing: work that lasts is not broken off."""
        self._thread.shutdown(wait=False)
