"""Where the posts of the last hours were: an event lies somewhere, and the names of its posts lie there too (joint
resolution over a window, as TAGGS; de Bruijn et al. 2018)."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

Key = tuple[str, str]  # (country, first division), or (country, "")


class RecentPlaces:
    """Counts of countries and first divisions named in a window of event time. Not safe to share between threads.

    What is older than the newest post by more than the window is forgotten, and never more than `capacity` are held.
    """

    def __init__(self, within: timedelta = timedelta(hours=24), capacity: int = 20_000) -> None:
        self._within, self._capacity = within, capacity
        self._held: deque[tuple[datetime, Key]] = deque()
        self._counts: Counter[Key] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def note(self, moment: datetime, country: str, admin1: str | None) -> None:
        """Takes in a place that a post surely names."""
        if not country:
            return
        self._held.append((moment, (country, admin1 or "")))
        self._counts[country, ""] += 1
        if admin1:
            self._counts[country, admin1] += 1
        while len(self._held) > self._capacity or moment - self._held[0][0] > self._within:
            self._forget()

    def share(self, country: str, admin1: str | None = None) -> float:
        """The share of the window's places that lie there, 0 to 1; an empty window says nothing, and a small one
        little."""
        return self._counts[country, admin1 or ""] / (len(self._held) + 10)

    def highest_share(self) -> float:
        """The share of the country that is named most."""
        most = max((count for (_, admin1), count in self._counts.items() if not admin1), default=0)
        return most / (len(self._held) + 10)

    def likeliest(self) -> tuple[tuple[str, str], float] | None:
        """The division that most of the window's places lie in, else the country, with its share; None where neither
        has half of them."""
        for wanted in (True, False):
            counts = {key: count for key, count in self._counts.items() if bool(key[1]) == wanted and count > 0}
            if counts:
                key = max(counts, key=lambda one: (counts[one], one))
                share = counts[key] / (len(self._held) + 10)
                if share >= 0.5:
                    return key, share
        return None

    def _forget(self) -> None:
        _, (country, admin1) = self._held.popleft()
        self._counts[country, ""] -= 1
        if admin1:
            self._counts[country, admin1] -= 1
