"""The places of recent posts: an event has a location, and the places in its posts are there too (joint resolution over
a window, as in TAGGS; de Bruijn et al. 2018)."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Hashable
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple, TypeVar

from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Kind

Division = tuple[str, str]  # (country, first division), or (country, "")
Square = tuple[int, int]
Key = TypeVar("Key", bound=Hashable)
SMOOTHING = 10  # places; a small window says little
SQUARE_DEGREES = 1.5  # some 160 km of latitude
EXACT_KM = 200.0  # a place with a larger radius says nothing of where in it


class RecentPlace(NamedTuple):
    """A place of a recent post: its name, its point (degrees, WGS 84), its divisions, its radius in kilometres."""

    name: str
    longitude: float
    latitude: float
    country: str
    admin1: str = ""
    radius_km: float = 0.0
    kind: Kind = "city"

    @property
    def square(self) -> Square | None:
        """The square of the globe that it lies in; None for a wide area."""
        return _square(self.longitude, self.latitude) if self.radius_km <= EXACT_KM else None


def recent_place(candidate: Candidate) -> RecentPlace:
    """A place of the gazetteer as one of a recent post."""
    point = candidate.longitude, candidate.latitude
    codes = candidate.country_code, candidate.admin1_code or ""
    return RecentPlace(candidate.name, *point, *codes, candidate.radius_km, candidate.kind)


class RecentPlaces:
    """Counts the countries, first divisions and squares in a window of event time. For one thread at a time.

    The window holds the places up to `within` before the newest post, and at most `capacity` of them.
    """

    def __init__(self, within: timedelta = timedelta(hours=24), capacity: int = 20_000) -> None:
        self._within, self._capacity = within, capacity
        self._places: deque[tuple[datetime, RecentPlace]] = deque()
        self._divisions: Counter[Division] = Counter()
        self._squares: Counter[Square] = Counter()
        self._near: Counter[Square] = (
            Counter()
        )  # of a square and the eight around it: asked for more often than changed
        self._highest: float | None = None  # what the last question gave, until a place comes or goes
        self._most_frequent: tuple[RecentPlace, float] | None = None
        self._names: dict[Square, Counter[RecentPlace]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def note(self, moment: datetime, place: RecentPlace) -> None:
        """Adds a place that was resolved with high confidence."""
        if not place.country:
            return
        self._places.append((moment, place))
        self._count(place, 1)
        while len(self._places) > self._capacity or moment - self._places[0][0] > self._within:
            self._count(self._places.popleft()[1], -1)

    def _count(self, place: RecentPlace, step: int) -> None:
        self._highest = self._most_frequent = None
        for division in {(place.country, ""), (place.country, place.admin1)}:
            _add(self._divisions, division, step)
        if (square := place.square) is not None:
            _add(self._squares, square, step)
            for x, y in product((-1, 0, 1), repeat=2):
                _add(self._near, (square[0] + x, square[1] + y), step)
            names = self._names.setdefault(square, Counter())
            _add(names, place, step)
            if not names:
                del self._names[square]

    def share(self, country: str, admin1: str | None = None) -> float:
        """The smoothed share of the window's places that are in a country or first division, 0 to 1."""
        return self._divisions[country, admin1 or ""] / (len(self._places) + SMOOTHING)

    def highest_share(self) -> float:
        """The share of the most frequent country."""
        if self._highest is None:
            self._highest = max((self.share(country) for country, admin1 in self._divisions if not admin1), default=0.0)
        return self._highest

    def share_near(self, longitude: float, latitude: float) -> float:
        """The smoothed share of the window's places in the square of a point (degrees, WGS 84) and the eight around it,
        0 to 1."""
        return self._near[_square(longitude, latitude)] / (len(self._places) + SMOOTHING)

    def most_frequent(self) -> tuple[RecentPlace, float] | None:
        """The place that is named most in the fullest square, and the share near it; None where there is no exact
        place."""
        if self._squares and self._most_frequent is None:
            square = max(self._squares, key=lambda each: (self._squares[each], each))
            names = self._names[square]
            place = max(names, key=lambda each: (names[each], each))
            self._most_frequent = place, self.share_near(place.longitude, place.latitude)
        return self._most_frequent


def _square(longitude: float, latitude: float) -> Square:
    return math.floor(longitude / SQUARE_DEGREES), math.floor(latitude / SQUARE_DEGREES)


def _add(counts: Counter[Key], key: Key, step: int) -> None:
    """Counts a key; none stays that is no longer there."""
    counts[key] += step
    if not counts[key]:
        del counts[key]
