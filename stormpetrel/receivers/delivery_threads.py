"""Threads that deliver messages: some for each receiver, so that one that hangs delays no other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class DeliveryThreads:
    """Runs deliveries. Its threads end with the process: what is under way then is sent again, under its old id."""

    def __init__(self, most_at_once: int) -> None:
        self._most = most_at_once
        self._queues: dict[str, queue.SimpleQueue[Callable[[], None]]] = {}
        self._under_way = 0
        self._idle = threading.Condition()

    def submit(self, receiver: str, deliver: Callable[[], None]) -> None:
        """Runs a delivery as soon as one of the receiver's threads is free."""
        with self._idle:
            self._under_way += 1
        if receiver not in self._queues:
            self._queues[receiver] = queue.SimpleQueue()
            for number in range(self._most):
                threading.Thread(
                    target=self._work, args=(self._queues[receiver],), name=f"{receiver} {number}", daemon=True
                ).start()
        self._queues[receiver].put(deliver)

    def wait(self, timeout_s: float) -> bool:
        """Whether everything that was submitted is done before the time is out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._under_way == 0, timeout_s)

    def _work(self, deliveries: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            deliver = deliveries.get()
            try:
                deliver()
            finally:
                with self._idle:
                    self._under_way -= 1
                    self._idle.notify_all()
