"""How often each principal may ask: a token bucket for each."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

MOST_BUCKETS = 10_000  # the one that was idle longest gives way: it is full again by then


class RateLimit:
    """`rate` requests a second on average, and `burst` at once; a rate of 0 limits nothing."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted (s)
        self._lock = threading.Lock()

    def wait_s(self, name: str, now_s: float) -> int:
        """Takes a token at a monotonic time; 0 where there was one, else the whole seconds until there is."""
        if not self._rate:
            return 0
        with self._lock:
            tokens, counted_s = self._buckets.pop(name, (float(self._burst), now_s))
            tokens = min(self._burst, tokens + (now_s - counted_s) * self._rate)
            allowed = tokens >= 1
            self._buckets[name] = (tokens - 1 if allowed else tokens), now_s
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1 - tokens) / self._rate)
