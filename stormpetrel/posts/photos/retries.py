"""When a photo that did not come is tried again: sooner at first, then ever less often."""

from __future__ import annotations

FIRST_S = 30.0
FACTOR = 3.0


def next_try_s(waited_s: float, give_up_after_s: float) -> float | None:
    """How many seconds after the first failure the next try is due, where `waited_s` have passed; None where it is
    given up. It follows from the time alone, so that a restart forgets nothing.

    >>> [next_try_s(waited, 3600) for waited in (0, 30, 120, 3000, 3600)]
    [30.0, 120.0, 390.0, 3600, None]
    """
    if waited_s >= give_up_after_s:
        return None
    due, step = FIRST_S, FIRST_S
    while due <= waited_s:
        step *= FACTOR
        due += step
    return min(due, give_up_after_s)
