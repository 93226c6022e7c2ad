"""How long a source waits before it tries again."""

from __future__ import annotations

import random

FIRST_S = 0.25


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
