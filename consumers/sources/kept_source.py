"""Keeps one live source running: where it ends by a fault of ours, it is made anew after a while, and no other source
is disturbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from consumers.sources.back_off import BackOff
from consumers.sources.source_runner import SourceRunner
from stormpetrel.process.metrics import SOURCE_RESTARTS

log = structlog.get_logger()
RAN_WELL_S = 60.0  # after so long the next fault is a first one


class KeptSource:
    """A source's thread. `make` makes its runner anew, with all that it remembers."""

    def __init__(
        self, make: Callable[[], SourceRunner], stopping: threading.Event, longest_wait_s: float = 60.0
    ) -> None:
        self._make, self._stopping, self._back_off = make, stopping, BackOff(longest_wait_s)
        self.runner = make()
        self.name = self.runner.source.name
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    @property
    def connected(self) -> bool:
        return self._fault is None and self.runner.connected

    @property
    def state(self) -> str:
        return self._fault or self.runner.state

    @property
    def looked_at(self) -> float:
        """When its loop last went round (monotonic seconds); while it waits to be started again, now."""
        return time.monotonic() if self._fault is not None else self.runner.looked_at

    def _run(self) -> None:
        while not self._stopping.is_set():
            started_at = time.monotonic()
            try:
                self.runner.run()
            except Exception as error:  # whatever it is, the other sources go on
                self._fault = f"ended by a fault of ours: {type(error).__name__}: {error}"
                SOURCE_RESTARTS.labels(self.name).inc()
                log.exception("a source ended by a fault of ours; it is started again", source=self.name)
                if time.monotonic() - started_at > RAN_WELL_S:
                    self._back_off.reset()
                self._start_again()

    def _start_again(self) -> None:
        """Waits, and makes the runner anew; as often as it takes."""
        while not self._stopping.wait(self._back_off.next_wait_s()):
            try:
                self.runner = self._make()
                self._fault = None
                return
            except Exception as error:
                self._fault = f"cannot be started again: {type(error).__name__}: {error}"
                log.exception("a source cannot be started again", source=self.name)
