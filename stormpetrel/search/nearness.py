"""Nearness in space and time: the modalities that rank by distance, by time, or by both as one.

A place is a gazetteer's point and a post is late by minutes, so that two distances within a kilometre, and two moments
within ten minutes, are equal evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Scored
from stormpetrel.fusion.rank_list import Nearness, RankList, nearness_of
from stormpetrel.search.query import Area, Query

KILOMETRES_A_DAY = 50.0  # the distance that counts as much as one day, where place and time are one modality
DAY_S = 86_400.0
CIRCLES_KM = (1.0, 5.0, 25.0, 100.0, 300.0)  # further away, a post says nothing of a place
EQUAL_KM, EQUAL_S = 1.0, 600.0
PICKED = (0.0, 0.04, 0.12, 0.35)  # of the known posts of a circle with too many, by distance: at which it is cut
BEYOND_KM = 0.01  # past a post, so that it lies inside
KNOWN = 4  # times as many posts as are asked for: of a circle with fewer, all are read
PLACED = ("id", "event_time", "towns")
ScoredIds = list[tuple[str, float]]
Ask = Callable[[Sequence[IndexQuery]], list[list[Scored]]]


def originals(within: Filter) -> Filter:
    """The filter without near-duplicates. These have no vectors, so that only lists without vectors need it."""
    return Filter(**{**vars(within), "none_of": {**within.none_of, "kind": ["near_duplicate"]}})


@dataclass(frozen=True)
class Space:
    """Nearness of a post's places."""

    name: str = "space"
    measure: str = "minus kilometres"
    resolution: float = EQUAL_KM

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        # The largest circle is the slowest to search, and mostly a smaller one is full.
        return [] if query.area is None else _circles(query, query.area, CIRCLES_KM[:-1], limit)

    def nearest(self, query: Query, limit: int, answers: Sequence[Sequence[Scored]], ask: Ask) -> list[Scored]:
        """At least the `limit` nearest posts, given the answers to `index_queries`.

        A circle with as many posts as were asked for may hold others that are nearer. It is narrowed until all its
        posts are known; or until the ring between it and the largest whole circle is so narrow that all its posts are
        equally far. Of these the newest are taken.
        """
        area = query.area
        if area is None:
            return []
        if len(answers[-1]) < limit:
            answers = [*answers, *ask(_circles(query, area, CIRCLES_KM[-1:], limit))]
        full = _first_full(answers, limit)
        if full == len(answers):
            return list(answers[-1])
        whole, inner_km = (answers[full - 1], CIRCLES_KM[full - 1]) if full else ([], 0.0)
        newest, outer_km = answers[full], CIRCLES_KM[full]
        while outer_km - inner_km > EQUAL_KM:
            cuts = _cuts(np.array([km for _, km in distances(newest, area)]), inner_km, outer_km)
            full = _first_full(ask(_circles(query, area, cuts, limit, payload=())), limit)
            radii = [inner_km, *cuts, outer_km]
            inner_km, outer_km = radii[full : full + 2]
            parts = _circles(query, area, [outer_km], KNOWN * limit)
            if outer_km - inner_km <= EQUAL_KM and inner_km:
                parts += _circles(query, area, [inner_km], limit)
            newest, *inner = ask(parts)
            if len(newest) < KNOWN * limit:
                return list(newest)
            whole = inner[0] if inner else whole
        return [*whole, *newest[:limit]]

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [] if query.area is None else [(hit.payload["id"], -km) for hit, km in distances(hits, query.area)]


@dataclass(frozen=True)
class Time:
    """Nearness in time, before and after."""

    name: str = "time"
    measure: str = "minus seconds"
    resolution: float = EQUAL_S

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        return _around(query, originals(query.filter), limit)

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        return [(hit.payload["id"], -_seconds(hit, query)) for hit in hits]


@dataclass(frozen=True)
class Spatiotemporal:
    """Place and time as one modality, the paper's: a day away counts as much as 50 km away."""

    name: str = "spatiotemporal"
    measure: str = "minus days, 50 km a day"
    resolution: float = EQUAL_KM / KILOMETRES_A_DAY

    def index_queries(self, query: Query, limit: int) -> list[IndexQuery]:
        # A circle that is not cut has all that is in the smaller ones.
        return [
            index_query for radius_km in CIRCLES_KM[-2:] for index_query in self._in_circle(query, radius_km, limit)
        ]

    def nearest(self, query: Query, limit: int, answers: Sequence[Sequence[Scored]], ask: Ask) -> list[Scored]:
        """The hits of all circles, before and after the moment, given the answers to `index_queries`: the smaller
        circles are searched where the smallest of these is cut."""
        inner = [
            index_query
            for radius_km in CIRCLES_KM[:-2]
            for hits, index_query in zip(answers, self._in_circle(query, radius_km, limit), strict=False)
            if len(hits) >= limit
        ]
        return [hit for hits in [*answers, *(ask(inner) if inner else [])] for hit in hits]

    def _in_circle(self, query: Query, radius_km: float, limit: int) -> list[IndexQuery]:
        if query.area is None:
            return []
        return _around(query, query.area.within(originals(query.filter), radius_km), limit)

    def scores(self, hits: Sequence[Scored], query: Query) -> ScoredIds:
        if query.area is None or query.at is None:
            return []
        return [
            (hit.payload["id"], -(km / KILOMETRES_A_DAY + _seconds(hit, query) / DAY_S))
            for hit, km in distances(hits, query.area)
        ]


# The score of each modality here, from an item's `nearness`: seconds and kilometres.
SCORES: dict[str, Callable[[float, float], float]] = {
    "space": lambda seconds, km: -km,
    "time": lambda seconds, km: -seconds,
    "spatiotemporal": lambda seconds, km: -(km / KILOMETRES_A_DAY + seconds / DAY_S),
}


def judging_all(lists: Sequence[RankList], query: Query) -> list[RankList]:
    """The lists, with those of place and time extended to the hits of all others: how near a hit is needs no search.

    Without this the list of a busy night would hold a hundred posts of one minute, and tell nothing apart.
    """
    if not any(ranked.modality in SCORES for ranked in lists):
        return list(lists)
    known, items = nearness_of(lists), {item for ranked in lists for item in ranked.items}
    extended: list[RankList] = []
    for ranked in lists:
        if score_of := SCORES.get(ranked.modality):
            scores = dict(ranked.score_of)
            for item in (items - scores.keys()) & known.keys():
                seconds, km = known[item]
                score = score_of(seconds, km)
                is_near = ranked.modality == "time" or km <= CIRCLES_KM[-1]
                if is_near and score >= query.score_threshold.get(ranked.modality, -np.inf):
                    scores[item] = score
            ranked = RankList.of(ranked.modality, scores.items(), known, ranked.resolution)
        extended.append(ranked)
    return extended


def nearness(hits: Sequence[Scored], query: Query) -> dict[str, Nearness]:
    """What orders hits of equal score: seconds from the query's moment (or, without one, the newest first), then
    kilometres from its place."""
    kilometres = {hit.payload["id"]: km for hit, km in distances(hits, query.area)} if query.area else {}
    return {
        item: (_seconds(hit, query) if query.at else -hit.payload["event_time"], kilometres.get(item, np.inf))
        for hit in hits
        if "event_time" in hit.payload
        for item in [hit.payload["id"]]
    }


def distances(hits: Sequence[Scored], area: Area) -> list[tuple[Scored, float]]:
    """(hit, kilometres) for each place of each hit that lies within the radius, the nearest last."""
    places = [(hit, place["lon"], place["lat"]) for hit in hits for place in hit.payload.get("towns") or []]
    longitudes, latitudes = [longitude for _, longitude, _ in places], [latitude for _, _, latitude in places]
    kilometres = distance_km(area.longitude, area.latitude, longitudes, latitudes).tolist()
    radius_km = area.radius_km if area.radius_km is not None else float("inf")
    pairs = [(hit, km) for (hit, _, _), km in zip(places, kilometres, strict=True) if km <= radius_km]
    return sorted(pairs, key=lambda pair: -pair[1])


def _first_full(answers: Sequence[Sequence[Scored]], limit: int) -> int:
    """The number of the first circle with `limit` posts; that after the last where none has them."""
    return next((number for number, hits in enumerate(answers) if len(hits) >= limit), len(answers))


def _cuts(known_km: NDArray[np.float64], inner_km: float, outer_km: float) -> list[float]:
    """Radii between two circles, rising: where some of the posts that are known between them lie, or the middle.

    One lies just before the nearest of them: a town's posts are all as far.
    """
    between = np.sort(known_km[(inner_km < known_km) & (known_km < outer_km - BEYOND_KM)])
    if not len(between):
        return [(inner_km + outer_km) / 2]
    picked = between[(len(between) * np.array(PICKED)).astype(int)] + BEYOND_KM
    before = max(between[0] - EQUAL_KM + 2 * BEYOND_KM, (inner_km + between[0]) / 2)
    return sorted({float(before), *picked.tolist()})


def _circles(
    query: Query, area: Area, radii_km: Sequence[float], limit: int, payload: Sequence[str] = PLACED
) -> list[IndexQuery]:
    """The newest posts in circles around the place."""
    within = originals(query.filter)
    return [OrderQuery("event_time", "desc", None, area.within(within, km), limit, payload) for km in radii_km]


def _around(query: Query, within: Filter, limit: int) -> list[IndexQuery]:
    if query.at is None:
        return []
    start = milliseconds(query.at)
    return [
        OrderQuery("event_time", "asc", start, within, limit, PLACED),
        OrderQuery("event_time", "desc", start, within, limit, PLACED),
    ]


def _seconds(hit: Scored, query: Query) -> float:
    return abs(hit.payload["event_time"] / 1000 - query.at.timestamp()) if query.at else 0.0
