"""How long a source waits before it tries again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from stormpetrel.core.clock import now

FIRST_S = 0.25
LONGEST_ASKED_S = 86_400.0  # a server that asks for more is asked again after a day


class BackOff:
    """Waits that double up to `longest_s`, each drawn at random from its upper half: many that lost the same server do
    not come back at the same moment."""

    def __init__(self, longest_s: float, draw: random.Random | None = None) -> None:
        self._longest_s, self._draw = longest_s, draw or random.Random()
        self._next_s = min(FIRST_S, longest_s)

    def next_wait_s(self, asked_s: float | None = None) -> float:
        """The next wait; at least what the network asks for."""
        wait = self._next_s * self._draw.uniform(0.5, 1.0)
        self._next_s = min(2 * self._next_s, self._longest_s)
        return max(wait, asked_s or 0.0)

    def reset(self) -> None:
        """The connection works again."""
        self._next_s = min(FIRST_S, self._longest_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer's `Retry-After` asks for, whether it states them or a time (RFC 9110, 10.2.3); None
    where it asks for nothing that can be read. A day at the most."""
    value = str(headers.get("Retry-After", "")).strip()
    if value.isdecimal():
        return min(float(value), LONGEST_ASKED_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds()
    return min(max(0.0, seconds), LONGEST_ASKED_S)
