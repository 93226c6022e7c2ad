"""A post lies in an area where its towns do; a province counts only in an area that can hold one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stormpetrel.core.events import EnrichedPost, Place, Post
from stormpetrel.core.ports import Filter, Point
from stormpetrel.projections.posts import post_point
from stormpetrel.search.limits import box_area
from stormpetrel.search.query import Area
from tests.unit.memory_index import MemoryIndex

AT = datetime(2025, 11, 4, tzinfo=UTC)
GENOA = (8.934, 44.407)


def place(name: str, longitude: float, latitude: float, **fields: Any) -> Place:
    defaults = {"kind": "city", "country_code": "IT", "admin1_code": "08", "confidence": 0.9}
    return Place(name=name, longitude=longitude, latitude=latitude, resolution_method="gazetteer", **defaults | fields)


LIGURIA = place("Liguria", 8.703, 44.196, kind="admin1", radius_km=98.9)
MILAN = place("Milan", 9.19, 45.46, admin1_code="09", radius_km=17.6)
ITALY = place("Italy", 12.6, 42.8, kind="country", admin1_code=None, radius_km=310)
QUARTER = place("Nervi", 9.04, 44.38, kind="admin2", radius_km=3)


def point(*places: Place) -> Point:
    post = Post(post_id="x:1", source="x", text="a", created_at=AT, ingested_at=AT)
    event = EnrichedPost(
        post=post, clean_text="a", language="it", language_confidence=1.0, places=places, enriched_at=AT
    )
    return post_point(event, 0)


def lies_in(area: Area, *places: Place) -> bool:
    return MemoryIndex(posts=[point(*places)]).count("posts", area.narrowed(Filter())) == 1


def test_countries_and_divisions_are_those_of_all_places() -> None:
    payload = point(MILAN, LIGURIA, ITALY).payload
    assert (payload["countries"], payload["divisions"]) == (["IT"], ["IT.08", "IT.09"])


def test_towns_are_what_a_point_can_tell() -> None:
    payload = point(MILAN, LIGURIA, ITALY, QUARTER).payload
    assert [town["lat"] for town in payload["towns"]] == [45.46, 44.38]
    assert [where["lat"] for where in payload["location"]] == [45.46, 44.196, 44.38]


@pytest.mark.parametrize(
    ("area", "places", "inside"),
    [
        (Area(*GENOA, radius_km=40), (LIGURIA, MILAN), False),
        (Area(*GENOA, radius_km=100), (LIGURIA,), True),
        (Area(*GENOA, radius_km=100), (ITALY,), False),
        (Area(*GENOA, radius_km=40), (QUARTER,), True),
        (box_area((8, 44, 9.5, 45)), (LIGURIA,), False),
        (box_area((7, 43.5, 10, 45)), (LIGURIA,), True),
        (box_area((8, 44, 9.5, 46)), (MILAN,), True),
    ],
)
def test_a_province_counts_only_in_an_area_that_reaches_100_km(
    area: Area, places: tuple[Place, ...], inside: bool
) -> None:
    assert lies_in(area, *places) == inside


def test_the_extent_of_an_area_is_its_furthest_corner() -> None:
    assert Area(*GENOA).extent_km == float("inf")
    assert Area(*GENOA, radius_km=7).extent_km == 7
    assert box_area((-1, -1, 1, 1)).extent_km == pytest.approx(157.2, abs=0.3)
    assert box_area((179, -1, -179, 1)).extent_km == pytest.approx(157.2, abs=0.3)
