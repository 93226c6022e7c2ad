"""The places of recent posts: an event has a location, and the places in its posts are there too (joint resolution over
a window, as in TAGGS; de Bruijn et al. 2018)."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

Division = tuple[str, str]  # (country, first division), or (country, "")
SMOOTHING = 10  # places; a small window says little


class RecentPlaces:
    """Counts the countries and first divisions in a window of event time. For one thread at a time.

    The window holds the places up to `within` before the newest post, and at most `capacity` of them.
    """

    def __init__(self, within: timedelta = timedelta(hours=24), capacity: int = 20_000) -> None:
        self._within, self._capacity = within, capacity
        self._places: deque[tuple[datetime, set[Division]]] = deque()
        self._counts: Counter[Division] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def note(self, moment: datetime, country: str, admin1: str | None) -> None:
        """Adds a place that was resolved with high confidence."""
        if not country:
            return
        divisions = {(country, ""), (country, admin1 or "")}
        self._places.append((moment, divisions))
        self._counts.update(divisions)
        while len(self._places) > self._capacity or moment - self._places[0][0] > self._within:
            self._counts.subtract(self._places.popleft()[1])

    def share(self, country: str, admin1: str | None = None) -> float:
        """The smoothed share of the window's places that are in a country or first division, 0 to 1."""
        return self._counts[country, admin1 or ""] / (len(self._places) + SMOOTHING)

    def highest_share(self) -> float:
        """The share of the most frequent country."""
        return max((self.share(country) for country, admin1 in self._counts if not admin1), default=0.0)

    def likeliest(self) -> tuple[Division, float] | None:
        """The most frequent first division, or else country, with its share; None where neither has at least half."""
        frequent = [(bool(key[1]), key, share) for key in self._counts if (share := self.share(*key)) >= 0.5]
        return max(frequent)[1:] if frequent else None
