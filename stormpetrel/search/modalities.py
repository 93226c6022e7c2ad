"""The modalities of posts behind one interface: what each asks the index, and what its hits score.

Copies never stand in a list of their own: they are counted under their original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km, rings
from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Filter, IndexQuery, NearestQuery, OrderQuery, Scored
from stormpetrel.search.query import Area, Query

# What counts as one day away, in kilometres, where place and time are joined to one modality.
KILOMETRES_A_DAY = 50.0
DAY_S = 86_400.0
Ranked = list[tuple[str, float]]


class Modality(Protocol):
    """One way to find a post. `measure` says what its score is; higher is better in all of them."""

    @property
    def name(self) -> str: ...

    @property
    def measure(self) -> str: ...

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        """What the index is asked; nothing where the question has no part for this modality."""

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        """(post id, score) of the hits of all its queries, in any order."""


@dataclass(frozen=True)
class Dense:
    """Closeness to a unit vector."""

    name: str
    part: Callable[[Query], NDArray[np.float32] | None]
    measure: str = "cosine similarity"

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        vector = self.part(asked)
        return [] if vector is None else [NearestQuery(self.name, dense=vector, filter=asked.filter, limit=limit)]

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        return [(hit.payload["id"], hit.score) for hit in hits]


@dataclass(frozen=True)
class Sparse:
    """What shares most weight with a sparse vector."""

    name: str
    part: Callable[[Query], TermWeights | None]
    measure: str

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        terms = self.part(asked)
        if terms is None:
            return []
        return [NearestQuery(self.name, sparse=(terms.indices, terms.values), filter=asked.filter, limit=limit)]

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        return [(hit.payload["id"], hit.score) for hit in hits]


def originals(given: Filter) -> Filter:
    """The filter without copies. They carry no vectors, so that only lists without vectors need it."""
    return replace(given, none_of={**given.none_of, "kind": ["near_duplicate"]})


@dataclass(frozen=True)
class Space:
    """Nearness of a post's places, by rings of cells outwards."""

    name: str = "space"
    measure: str = "minus kilometres"

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        if asked.area is None:
            return []
        return [
            OrderQuery("event_time", "desc", None, ring, limit, ("id", "location"))
            for ring in _rings(asked.area, asked.filter)
        ]

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        return [] if asked.area is None else [(hit.payload["id"], -km) for hit, km in _distances(hits, asked.area)]


@dataclass(frozen=True)
class Time:
    """Nearness in time, before and after."""

    name: str = "time"
    measure: str = "minus seconds"

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        return _around(asked, originals(asked.filter), limit, ("id", "event_time"))

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        return [(hit.payload["id"], -_seconds(hit, asked)) for hit in hits]


@dataclass(frozen=True)
class Spatiotemporal:
    """Place and time as one modality, the paper's: a day away counts as much as 50 km away."""

    name: str = "spatiotemporal"
    measure: str = "minus days, 50 km a day"

    def queries(self, asked: Query, limit: int) -> list[IndexQuery]:
        if asked.area is None:
            return []
        payload = ("id", "location", "event_time")
        found = [_around(asked, ring, limit, payload) for ring in _rings(asked.area, asked.filter)]
        return [query for both in found for query in both]

    def scored(self, hits: Sequence[Scored], asked: Query) -> Ranked:
        if asked.area is None or asked.at is None:
            return []
        return [
            (hit.payload["id"], -(km / KILOMETRES_A_DAY + _seconds(hit, asked) / DAY_S))
            for hit, km in _distances(hits, asked.area)
        ]


def _around(asked: Query, given: Filter, limit: int, payload: tuple[str, ...]) -> list[IndexQuery]:
    if asked.at is None:
        return []
    start = int(asked.at.timestamp() * 1000)
    return [
        OrderQuery("event_time", "asc", start, given, limit, payload),
        OrderQuery("event_time", "desc", start, given, limit, payload),
    ]


def _seconds(hit: Scored, asked: Query) -> float:
    return abs(hit.payload["event_time"] / 1000 - asked.at.timestamp()) if asked.at else 0.0


def _rings(area: Area, given: Filter) -> Iterator[Filter]:
    """Rings outwards, so that the nearest posts are in the list however many there are further out."""
    inside = area.within(originals(given))
    for resolution, cells in rings(area.longitude, area.latitude):
        yield replace(inside, any_of={**inside.any_of, f"cells_{resolution}": cells})
    if area.bounded:
        yield inside


def _distances(hits: Sequence[Scored], area: Area) -> list[tuple[Scored, float]]:
    """Each hit with the kilometres to its places, one pair a place; beyond the radius there is none."""
    owners: list[Scored] = []
    places: list[dict[str, Any]] = []
    for hit in hits:
        for place in hit.payload.get("location") or []:
            owners.append(hit)
            places.append(place)
    if not owners:
        return []
    distances = distance_km(
        area.longitude, area.latitude, [place["lon"] for place in places], [place["lat"] for place in places]
    )
    reach = area.radius_km if area.radius_km is not None else float("inf")
    return [(hit, float(km)) for hit, km in zip(owners, distances, strict=True) if km <= reach]


ALL: tuple[Modality, ...] = (
    Dense("text", lambda asked: asked.text),
    Sparse("lexical", lambda asked: asked.terms, "BM25"),
    Dense("visual", lambda asked: asked.visual),
    Sparse("concepts", lambda asked: asked.concepts, "cosine similarity of concept scores"),
    Space(),
    Time(),
    Spatiotemporal(),
)
JOINED = "spatiotemporal"  # speaks only where it is asked for by name: it is `space` and `time` in one
MODALITIES = tuple(modality.name for modality in ALL)
MEASURES = {modality.name: modality.measure for modality in ALL}


def active_modalities(asked: Query) -> list[Modality]:
    """The modalities that the question lets speak."""
    if asked.only is None:
        return [modality for modality in ALL if modality.name != JOINED]
    return [modality for modality in ALL if modality.name in asked.only]
