"""Lists of posts: the newest first, each post once, whatever the page size and however many share a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stormpetrel.core.ports import Filter, Point
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.search.filter_request import FilterRequest
from stormpetrel.search.limits import filter_of
from stormpetrel.search.listing import ListedPost, PostListing
from stormpetrel.search.listing_request import ListingRequest
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.query import Area
from tests.unit.memory_index import MemoryIndex


def index_of(moments: list[int]) -> MemoryIndex:
    points = [
        Point(f"x:{number:03d}", {"event_time": moment, "kind": "original"}) for number, moment in enumerate(moments)
    ]
    return MemoryIndex(posts=points)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 9), st.randoms(use_true_random=False))
def test_pages_hold_each_post_once_the_newest_first(moments: list[int], limit: int, random: Any) -> None:
    index = index_of(moments)
    points = list(index.collections["posts"].values())
    random.shuffle(points)  # an index orders posts of one moment as it likes
    index.collections["posts"] = {point.id: point for point in points}
    listing = PostListing(index, "posts")
    listed: list[ListedPost] = []
    more, pages = True, 0
    while more:
        page, more = listing.page(Filter(), listed[-1] if listed else None, limit)
        assert len(page) == limit or not more
        listed += page
        pages += 1
    expected = sorted(range(len(moments)), key=lambda number: (-moments[number], number))
    assert [post.post_id for post in listed] == [f"x:{number:03d}" for number in expected]
    assert pages == max(1, -(-len(moments) // limit))
    assert listing.count(Filter()) == len(moments)


def test_a_post_that_comes_in_meanwhile_moves_no_page() -> None:
    index = index_of([1, 2, 3, 4])
    listing = PostListing(index, "posts")
    first, _ = listing.page(Filter(), None, 2)
    index.collections["posts"]["x:new"] = Point("x:new", {"event_time": 9, "kind": "original"})
    second, more = listing.page(Filter(), first[-1], 2)
    assert [post.post_id for post in [*first, *second]] == ["x:003", "x:002", "x:001", "x:000"]
    assert not more


def test_a_list_keeps_to_its_filter_on_every_page() -> None:
    listing = PostListing(index_of([1, 2, 2, 2, 3, 4]), "posts")
    within = Filter(ranges={"event_time": (2, 3)})
    first, more = listing.page(within, None, 2)
    assert [post.post_id for post in first] == ["x:004", "x:001"] and more
    second, more = listing.page(within, first[-1], 2)
    assert [post.post_id for post in second] == ["x:002", "x:003"] and not more


def no_gazetteer() -> Gazetteer:
    raise AssertionError("this request names no place")


def test_parameters_become_the_filter_of_a_search() -> None:
    request = ListingRequest(
        box="8,44,9.5,45", language=["it"], country=["it"], label=["posts/genova:related"], since="2025-11-04T18:00:00Z"
    )
    assert request.where is not None and request.where.box == (8, 44, 9.5, 45)
    within = filter_of(request.filters, Area(8.75, 44.5, box=request.where.box), PlaceNames(no_gazetteer))
    assert within.any_of == {"language": ["it"], "countries": ["IT"], "labels": ["posts/genova:related"]}
    assert within.ranges == {"event_time": (datetime(2025, 11, 4, 18, tzinfo=UTC).timestamp() * 1000, None)}
    assert within.boxes == ((8, 44, 9.5, 45),)


def test_the_last_hour_ends_now() -> None:
    since, until = FilterRequest(last="1h").window()
    assert since is not None and not until
    assert 3590 < (datetime.now(UTC) - since).total_seconds() < 3700


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"last": "-1h"}, "no time that has passed; give"),
        ({"last": "in 2h"}, "no time that has passed; give"),
        ({"last": "0h"}, "no time that has passed; give"),
        ({"last": "9999w"}, "no time that has passed; give"),
        ({"last": "1h", "since": "2025-11-04T18:00:00Z"}, "last alone"),
        ({"since": "2025-11-05T18:00:00Z", "until": "2025-11-04T18:00:00Z"}, "swap them"),
        ({"box": "8,45,9"}, "give west,south,east,north"),
        ({"box": "nan,44,9,45"}, "give west,south,east,north"),
        ({"box": "8,45,9,44"}, "south lies above north; a box"),
        ({"longitude": 8.9, "latitude": 44.4}, "give radius_km too"),
        ({"longitude": 8.9, "latitude": 44.4, "radius_km": 0}, "a radius of 0 km bounds no area; give"),
        ({"near": "Genova", "box": "8,44,9,45", "radius_km": 5}, "give one of"),
        ({"country": ["Italy"]}, "give ISO 3166 codes"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_remedy(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        ListingRequest(**fields)
    assert all("; " in fault["msg"] for fault in refused.value.errors())
