"""The notifier: plans what is due, has the log take it, and delivers what the log holds.

The order of effects is the promise: an entry `sending` is on the log before a message leaves, and its entry `sent` is
there before the next message of the group is planned. A process that dies between the two sends the message again under
the same id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from stormpetrel.alerting.deliveries import Deliveries
from stormpetrel.alerting.planning import plan
from stormpetrel.alerting.world import World
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import AlertMessage, Event, NotificationLogged

log = structlog.get_logger()
Write = Callable[[Sequence[NotificationLogged]], None]
Submit = Callable[[str, Callable[[], None]], None]


class Receiver(Protocol):
    """Where messages arrive."""

    def deliver(self, message: AlertMessage) -> str:
        """Delivers a message; what went wrong on the way, though it was delivered, or an empty text. Raises
        DeliveryFailed."""


class Notifier:
    """Tells receivers what they do not know. `write` returns when the log holds entries and `apply` was called with
    each of them. `give_up` takes a message that could not be delivered for a day. `submit` runs a delivery to a
    receiver, named first, on a thread of its own."""

    def __init__(
        self,
        world: World,
        receivers: Mapping[str, Receiver],
        write: Write,
        give_up: Callable[[AlertMessage, str], None],
        clock: Callable[[], datetime],
        submit: Submit,
        observe: Callable[[NotificationLogged], None] = lambda _: None,
    ) -> None:
        self._world, self._receivers = world, receivers
        self._write, self._give_up, self._clock, self._observe = write, give_up, clock, observe
        self._submit = submit
        self._deliveries = Deliveries()
        self._unlogged: list[tuple[AlertMessage, NotificationLogged]] = []  # ends that the log does not hold yet
        self._faults: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def apply(self, event: Event) -> None:
        """Takes an event of any of the topics that are followed."""
        with self._lock:
            self._world.apply(event, self._clock())

    def step(self) -> None:
        """Writes what is due to the log, and begins to deliver what the log holds. Raises StoreUnavailable; it loses
        nothing to be called again."""
        self.log_ends()
        with self._lock:
            entries = plan(self._world, self._clock(), self._note_fault)
        if entries:
            self._write(entries)
            for entry in entries:
                self._observe(entry)
        with self._lock:
            # What the log made void has not become pending, and never leaves.
            due = self._deliveries.take_due(self._world.log.pending(), self._clock())
        for message in due:
            self._submit(message.receiver, partial(self._deliver, message))

    def log_ends(self) -> None:
        """Has the log take the ends of deliveries. Raises StoreUnavailable; it loses nothing to be called again."""
        with self._lock:
            ends = list(self._unlogged)
        if not ends:
            return
        for message, entry in ends:
            if entry.outcome == "failed":  # with the dead letters first: what is given up is never nowhere
                self._give_up(message, entry.problem)
        self._write([entry for _, entry in ends])
        with self._lock:
            self._unlogged = self._unlogged[len(ends) :]
        for _, entry in ends:
            self._observe(entry)

    def _note_fault(self, group: str, error: Exception) -> None:
        """A fault of ours in one group is logged once, and tried again with every step."""
        if (group, repr(error)) not in self._faults:
            self._faults.add((group, repr(error)))
            log.error("a group cannot be planned", group=group, exc_info=error)

    def _deliver(self, message: AlertMessage) -> None:
        note, problem = "", None
        try:
            receiver = self._receivers.get(message.receiver)
            if receiver is None:
                problem = f"no receiver is called {message.receiver} any more; add it to the file of receivers"
            else:
                note = receiver.deliver(message)
        except StormpetrelError as error:
            problem = str(error)
        except Exception as error:  # a fault of ours: it must neither end the notifier nor lose the message
            log.exception("a delivery failed", message_id=message.message_id, receiver=message.receiver)
            problem = f"{type(error).__name__}: {error}"
        self._end(message, problem, note)

    def _end(self, message: AlertMessage, problem: str | None, note: str) -> None:
        with self._lock:
            end = self._deliveries.ended(message, self._clock(), problem, note)
        if problem is not None:
            known = {"message_id": message.message_id, "receiver": message.receiver, "reason": problem}
            log.warning("a message is not delivered", next_at=end.next_at and end.next_at.isoformat(), **known)
        if end.entry is not None:
            with self._lock:
                self._unlogged.append((message, end.entry))
