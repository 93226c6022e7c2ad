"""Deliveries of messages: tried at once, then again after longer and longer pauses, and given up after a day."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from stormpetrel.core.events import AlertMessage, NotificationLogged

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
GIVEN_UP_AFTER = timedelta(days=1)


def pause_after(attempts: int, share: float) -> timedelta:
    """The pause after so many attempts: it doubles up to five minutes, and `share` (0 to 1) takes up to half of it, so
    that messages that failed together do not come again together.

    >>> [pause_after(attempts, 0).total_seconds() for attempts in (1, 2, 3, 20)]
    [1.0, 2.0, 4.0, 300.0]
    """
    pause_s = min(FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_S)
    return timedelta(seconds=pause_s * (1 - share / 2))


@dataclass
class _Progress:
    attempts: int = 0
    next_at: datetime | None = None
    is_under_way: bool = False
    is_over: bool = False


class Deliveries:
    """How the deliveries of this process stand. They are not on the log: after a restart each message is tried at once.
    Not for two threads at once."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._progress: dict[str, _Progress] = {}

    def take_due(self, pending: Iterable[AlertMessage], now: datetime) -> list[AlertMessage]:
        """The messages to be tried now. They are under way from here on, until `ended` is called."""
        messages = {message.message_id: message for message in pending}
        self._progress = {
            message_id: progress
            for message_id, progress in self._progress.items()
            if message_id in messages or progress.is_under_way
        }
        due = []
        for message_id, message in messages.items():
            progress = self._progress.setdefault(message_id, _Progress())
            if progress.is_under_way or progress.is_over or (progress.next_at is not None and now < progress.next_at):
                continue
            progress.is_under_way = True
            due.append(message)
        return due

    def ended(self, message: AlertMessage, now: datetime, problem: str | None, note: str = "") -> EndOfAttempt:
        """What follows from an attempt that has ended: with `problem` it failed. `note` is what went wrong on the way
        of a message that was delivered nevertheless."""
        progress = self._progress.setdefault(message.message_id, _Progress())
        progress.is_under_way = False
        progress.attempts += 1
        if problem is None:
            progress.is_over = True
            return EndOfAttempt(_entry(message, "sent", now, progress.attempts, note))
        if now - message.created_at >= GIVEN_UP_AFTER:
            progress.is_over = True
            return EndOfAttempt(_entry(message, "failed", now, progress.attempts, problem))
        progress.next_at = now + pause_after(progress.attempts, self._jitter())
        return EndOfAttempt(None, progress.next_at)


@dataclass(frozen=True)
class EndOfAttempt:
    """The entry of the log that ends a message, or when it is tried again."""

    entry: NotificationLogged | None
    next_at: datetime | None = None


def _entry(message: AlertMessage, outcome: str, now: datetime, attempts: int, problem: str) -> NotificationLogged:
    return NotificationLogged.model_validate(
        {
            "outcome": outcome,
            "group": message.group,
            "receiver": message.receiver,
            "rule_id": message.rule_id,
            "logged_at": now,
            "message_id": message.message_id,
            "reason": message.reason,
            "attempts": attempts,
            "problem": problem[:2_000],
        }
    )
