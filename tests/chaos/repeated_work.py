"""Work that a thread of a chaos run does again and again, until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RepeatedWork:
    """Does `work` every `every_s` seconds, from `start` until `stop`."""

    def __init__(self, name: str, every_s: float, work: Callable[[], None]) -> None:
        self._name, self._every_s, self._work = name, every_s, work
        self._is_done = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the work in hand is done: what it sent is acknowledged."""
        self._stopping.set()
        self._thread.join(180)
        assert self._is_done, f"the last of {self._name} is not acknowledged after 180 s, or it has failed: see above"

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._work()
        self._is_done = True
