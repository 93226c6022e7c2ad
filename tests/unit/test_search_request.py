"""What a search request may hold: names of places are resolved, and a fault names its remedy in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stormpetrel.core.errors import BadQuery
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.search.limits import area_of, filter_of
from stormpetrel.search.place_names import OtherPlace, PlaceNames, _told_apart
from stormpetrel.search.place_request import PlaceRequest
from stormpetrel.search.query import Area
from stormpetrel.search.request import SearchRequest

POINT = {"longitude": 8.9, "latitude": 44.4}


def polygon(*ring: tuple[float, float]) -> dict[str, Any]:
    return {"geojson": {"type": "Polygon", "coordinates": [ring]}}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "nothing to look for; give"),
        ({"place": {**POINT, "radius_km": 0}}, "a radius of 0 km bounds no area; give more than 0"),
        ({"place": {**POINT, "radius_km": 30_000}}, "a radius of 30000 km bounds no area; give .* at most 20,000 km"),
        ({"place": {**POINT, "radius_km": -3}}, "bounds no area; give"),
        ({"place": {"box": [8, 45, 9, 44]}}, "south lies above north; a box is"),
        ({"place": polygon((0, 0), (2, 2), (2, 0), (0, 2), (0, 0))}, "crosses itself at 1, 1; list its corners"),
        ({"place": polygon((0, 0), (1, 1), (2, 2), (0, 0))}, "crosses itself at 1, 1; list its corners"),
        ({"place": polygon((0, 0), (1, 0), (1, 1), (0, 1))}, "the ring is open; repeat"),
        ({"place": polygon((179, 0), (-179, 0), (-179, 1), (179, 1), (179, 0))}, "180th meridian; search each side"),
        ({"place": {"longitude": 8.9, "latitude": 144}}, "144 lies beyond 90 degrees; give degrees from"),
        ({"place": {"longitude": True, "latitude": 44}}, "true and false are no numbers; give a number"),
        ({"place": {"box": [8, 44, 400, 45]}}, "400 lies beyond 180 degrees; give degrees from"),
        ({"place": {"near": "Genova", **POINT}}, "give one of longitude and latitude, near, box, geojson"),
        ({"near": "Genova", "place": POINT}, "give one of them"),
        ({"text": "flood", "radius_km": 5}, "give near, or put it into place"),
        ({"text": "flood", "filters": {"last": "-1h"}}, "no time that has passed; give a number"),
        (
            {"filters": {"languages": ["it"]}, "modalities": ["time"]},
            "filters alone rank nothing; leave modalities out",
        ),
    ],
)
def test_a_fault_is_told_with_its_remedy(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SearchRequest(**fields)


@pytest.mark.parametrize(
    ("fields", "ranks"),
    [
        ({"filters": {"since": "2025-11-04T18:00:00Z"}}, False),
        ({"filters": {"last": "1h"}, "place": {**POINT, "radius_km": 5}}, False),
        ({"near": "Genova", "radius_km": 20}, False),
        ({"near": "Genova"}, True),
        ({"place": POINT}, True),
        ({"place": {**POINT, "radius_km": 5}, "modalities": ["space"]}, True),
        ({"text": "flood", "near": "Genova", "radius_km": 20}, True),
    ],
)
def test_filters_alone_list_and_evidence_ranks(fields: dict[str, Any], ranks: bool) -> None:
    assert SearchRequest(**fields).has_evidence == ranks


def test_a_box_over_the_180th_meridian_is_one_box(small_gazetteer: Gazetteer) -> None:
    place = PlaceRequest(box=(177, -20, -170, -10))
    area, _ = area_of(place, PlaceNames(lambda: small_gazetteer))
    assert (area.longitude, area.latitude, area.box) == (-176.5, -15, (177, -20, -170, -10))


def test_a_name_is_its_most_populous_town_and_its_namesakes_are_told(small_gazetteer: Gazetteer) -> None:
    names = PlaceNames(lambda: small_gazetteer)
    area, near = area_of(PlaceRequest(near="springfield", radius_km=20), names)
    assert near is not None
    assert (near.division, near.population, near.country_code) == (None, 169_000, "US")
    assert [(other.name, other.division) for other in near.alternatives] == [("Springfield", "Illinois")]
    assert area == Area(near.longitude, near.latitude, radius_km=20)


def test_a_division_or_a_country_after_a_comma_says_which_namesake(small_gazetteer: Gazetteer) -> None:
    names = PlaceNames(lambda: small_gazetteer)
    assert names.near("Springfield, Illinois").population == 114_000
    assert names.near("Córdoba, España").population == 325_000
    assert names.near("Cordoba, AR").population == 1_428_000


def test_a_name_in_another_language_is_the_place(small_gazetteer: Gazetteer) -> None:
    assert PlaceNames(lambda: small_gazetteer).near("Genova").name == "Genoa"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Nowhereville", "Check its spelling"),
        ("Springfield, Bavaria", "Check its spelling"),
        ("Spain", r"filters.countries: \['ES'\]"),
        ("Illinois", r"filters.divisions: \['US.IL'\]"),
    ],
)
def test_what_is_no_place_to_be_near_to_is_refused(small_gazetteer: Gazetteer, name: str, remedy: str) -> None:
    with pytest.raises(BadQuery, match=remedy):
        PlaceNames(lambda: small_gazetteer).near(name)


def test_divisions_are_known_by_name_and_by_code(small_gazetteer: Gazetteer) -> None:
    names = PlaceNames(lambda: small_gazetteer)
    request = SearchRequest.model_validate({"filters": {"divisions": ["Illinois", "gr.es30"], "countries": ["it"]}})
    within = filter_of(request.filters, None, names)
    assert within.any_of == {"divisions": ["US.IL", "GR.ES30"], "countries": ["IT"]}
    with pytest.raises(BadQuery, match="such as Liguria"):
        names.division_code("IT.99")


def test_a_cell_is_named_by_the_town_nearest_to_it(small_gazetteer: Gazetteer) -> None:
    assert PlaceNames(lambda: small_gazetteer).cell_name("851f9b0bfffffff") == "Genoa, IT"


def test_a_station_that_bears_its_towns_name_is_no_alternative() -> None:
    fields = {"longitude": 152.3, "latitude": -24.9, "kind": "city", "country_code": "AU", "population": 1}
    town = OtherPlace(name="Bundaberg", division="Queensland", **fields)
    station = OtherPlace(name="Bundaberg", division="Queensland", **{**fields, "kind": "point"})
    elsewhere = OtherPlace(name="Bundaberg", division="Victoria", **fields)
    assert _told_apart([town, station, elsewhere]) == [town, elsewhere]
