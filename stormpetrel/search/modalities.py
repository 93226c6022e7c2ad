"""The modalities of posts behind one interface: the index queries of each, and the scores of its hits.

Near-duplicates are in no list: they are counted with their original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km, rings
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Filter, IndexQuery, NearestQuery, OrderQuery, Scored
from stormpetrel.search.query import Area, Query

# The distance that counts as much as one day, where place and time are one modality.
KILOMETRES_A_DAY = 50.0
DAY_S = 86_400.0
ScoredIds = list[tuple[str, float]]


class Modality(Protocol):
    """One way to find a post. `measure` says what its scores are; higher is better in all modalities."""

    @property
    def name(self) -> str: ...

    @property
    def measure(self) -> str: ...

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        """Empty where the query has no part for this modality."""

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        """(post id, score) of the hits of all its index queries, in any order."""


@dataclass(frozen=True)
class Dense:
    """Cosine similarity to a unit vector, or the dot product with a sparse one."""

    name: str
    part: Callable[[Query], NDArray[np.float32] | TermWeights | None]
    measure: str = "cosine similarity"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        vector = self.part(query)
        if vector is None:
            return []
        if isinstance(vector, TermWeights):
            return [NearestQuery(self.name, None, (vector.indices, vector.values), query.filter, limit)]
        return [NearestQuery(self.name, vector, None, query.filter, limit)]

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [(hit.payload["id"], hit.score) for hit in hits]


def originals(within: Filter) -> Filter:
    """The filter without near-duplicates. These have no vectors, so that only lists without vectors need it."""
    return replace(within, none_of={**within.none_of, "kind": ["near_duplicate"]})


@dataclass(frozen=True)
class Space:
    """Nearness of a post's places, by rings of cells outwards."""

    name: str = "space"
    measure: str = "minus kilometres"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        if query.area is None:
            return []
        return [
            OrderQuery("event_time", "desc", None, ring, limit, ("id", "location"))
            for ring in _rings(query.area, query.filter)
        ]

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [] if query.area is None else [(hit.payload["id"], -km) for hit, km in _distances(hits, query.area)]


@dataclass(frozen=True)
class Time:
    """Nearness in time, before and after."""

    name: str = "time"
    measure: str = "minus seconds"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        return _around(query, originals(query.filter), limit, ("id", "event_time"))

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [(hit.payload["id"], -_seconds(hit, query)) for hit in hits]


@dataclass(frozen=True)
class Spatiotemporal:
    """Place and time as one modality, the paper's: a day away counts as much as 50 km away."""

    name: str = "spatiotemporal"
    measure: str = "minus days, 50 km a day"

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        if query.area is None:
            return []
        payload = ("id", "location", "event_time")
        return [
            index_query
            for ring in _rings(query.area, query.filter)
            for index_query in _around(query, ring, limit, payload)
        ]

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        if query.area is None or query.at is None:
            return []
        return [
            (hit.payload["id"], -(km / KILOMETRES_A_DAY + _seconds(hit, query) / DAY_S))
            for hit, km in _distances(hits, query.area)
        ]


def _around(query: Query, within: Filter, limit: int, payload: tuple[str, ...]) -> list[IndexQuery]:
    if query.at is None:
        return []
    start = milliseconds(query.at)
    return [
        OrderQuery("event_time", "asc", start, within, limit, payload),
        OrderQuery("event_time", "desc", start, within, limit, payload),
    ]


def _seconds(hit: Scored, query: Query) -> float:
    return abs(hit.payload["event_time"] / 1000 - query.at.timestamp()) if query.at else 0.0


def _rings(area: Area, within: Filter) -> Iterator[Filter]:
    """Rings outwards, so that the nearest posts are in the list however many there are further out."""
    inside = area.narrowed(originals(within))
    for resolution, cells in rings(area.longitude, area.latitude):
        yield replace(inside, any_of={**inside.any_of, f"cells_{resolution}": cells})
    if area.bounded:
        yield inside


def _distances(hits: Sequence[Scored], area: Area) -> list[tuple[Scored, float]]:
    """(hit, kilometres) for each place of each hit that lies within the radius."""
    places = [(hit, place["lon"], place["lat"]) for hit in hits for place in hit.payload.get("location") or []]
    longitudes, latitudes = [longitude for _, longitude, _ in places], [latitude for _, _, latitude in places]
    distances = distance_km(area.longitude, area.latitude, longitudes, latitudes).tolist()
    radius_km = area.radius_km if area.radius_km is not None else float("inf")
    return [(hit, km) for (hit, _, _), km in zip(places, distances, strict=True) if km <= radius_km]


ALL: tuple[Modality, ...] = (
    Dense("text", lambda query: query.text),
    Dense("lexical", lambda query: query.terms, "BM25"),
    Dense("visual", lambda query: query.visual),
    Dense("concepts", lambda query: query.concepts, "cosine similarity of concept scores"),
    Space(),
    Time(),
    Spatiotemporal(),
)
ON_REQUEST = "spatiotemporal"  # `space` and `time` in one: searched only where the query names it
MODALITIES = tuple(modality.name for modality in ALL)
MEASURES = {modality.name: modality.measure for modality in ALL}


def active_modalities(query: Query) -> list[Modality]:
    """The modalities that the query searches."""
    if query.only is None:
        return [modality for modality in ALL if modality.name != ON_REQUEST]
    return [modality for modality in ALL if modality.name in query.only]
