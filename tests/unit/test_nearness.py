"""Space ranks all posts inside by distance, not the newest alone, however they lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.cells import distance_km
from stormpetrel.core.ports import IndexQuery, OrderQuery, Scored
from stormpetrel.search.nearness import CIRCLES_KM, EQUAL_KM, Space
from stormpetrel.search.query import Area, Query

LIMIT = 5
MOST_ASKED = 60  # queries for one list
QUERY = Query(area=Area(8.93, 44.41))


class Posts:
    """Posts at distances north of the place, the later ones newer, asked as the index is."""

    def __init__(self, kilometres: Sequence[float]) -> None:
        latitudes = [44.41 + km / 111.195 for km in kilometres]
        self.asked = 0
        self.hits = [
            Scored({"id": f"x:{n}", "event_time": n, "towns": [{"lon": 8.93, "lat": latitude}]}, 0.0)
            for n, latitude in enumerate(latitudes)
        ]
        self.km = distance_km(8.93, 44.41, [8.93] * len(latitudes), latitudes) if latitudes else np.array([])

    def ask(self, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        self.asked += len(queries)
        return [self._inside(query) for query in queries]

    def _inside(self, query: IndexQuery) -> list[Scored]:
        assert isinstance(query, OrderQuery)
        ((_, _, radius_km),) = query.filter.circles
        hits = [hit for hit, km in zip(self.hits, self.km, strict=True) if km <= radius_km]
        newest = sorted(hits, key=lambda hit: -hit.payload["event_time"])[: query.limit]
        return newest if query.payload else [Scored({}, 0.0) for _ in newest]


def nearest_of(posts: Posts) -> set[str]:
    space = Space()
    answers = posts.ask(space.index_queries(QUERY, LIMIT))
    return {hit.payload["id"] for hit in space.nearest(QUERY, LIMIT, answers, posts.ask)}


towns = st.lists(st.floats(0, 400), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(towns, st.lists(st.integers(0, 5), max_size=200), st.lists(st.floats(0, 400), max_size=60))
def test_the_nearest_posts_are_in_the_list_however_they_lie(
    towns: list[float], at_towns: list[int], elsewhere: list[float]
) -> None:
    posts = Posts([*(towns[n % len(towns)] for n in at_towns), *elsewhere])
    ids = nearest_of(posts)
    assert posts.asked <= MOST_ASKED
    inside = sorted(km for km in posts.km if km <= CIRCLES_KM[-1])
    assert len(ids) >= min(LIMIT, len(inside))
    if len(inside) > LIMIT:
        reach_km = inside[LIMIT - 1] - EQUAL_KM
        missed = [n for n, km in enumerate(posts.km) if km < reach_km and f"x:{n}" not in ids]
        assert not missed
    else:
        assert len(ids) == len(inside)


def test_a_town_with_thousands_of_posts_is_found_in_few_queries() -> None:
    posts = Posts([12.3] * 3000 + [40.0] * 3000)
    assert len(nearest_of(posts)) >= LIMIT and posts.asked <= 12
