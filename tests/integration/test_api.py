"""The API as a client meets it: faults name their field and remedy, pages neither repeat nor skip."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.fusion import METHODS
from tests.integration.running import RunningSystem

pytestmark = pytest.mark.integration
JSON = {"content-type": "application/json"}

BOW_TIE = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("body", {}),
    ("body", {"post_id": "x:1", "text": "two queries"}),
    ("body", {"text": "   "}),
    ("text", {"text": ""}),
    ("text", {"text": "a" * 4001}),
    ("text", {"text": 7}),
    ("limit", {"text": "flood", "limit": 0}),
    ("limit", {"text": "flood", "limit": 101}),
    ("colour", {"text": "flood", "colour": "red"}),
    ("time", {"time": "yesterday"}),
    ("time", {"time": "0001-01-01T00:00:00Z"}),
    ("time", {"time": "9999-12-31T23:59:59+14:00"}),
    ("place", {"place": {}}),
    ("place", {"place": {"longitude": 8.9}}),
    ("place.latitude", {"place": {"longitude": 8.9, "latitude": 144}}),
    ("place.radius_km", {"place": {"longitude": 8.9, "latitude": 44, "radius_km": -1}}),
    ("place.box", {"place": {"box": [8, 45, 9, 44]}}),
    ("place.box", {"place": {"box": [8, 45, 8, 45]}}),
    ("place.geojson", {"place": {"geojson": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}}}),
    ("place.geojson", {"place": {"geojson": {"type": "Circle", "coordinates": [0, 0]}}}),
    ("filters.languages", {"text": "flood", "filters": {"languages": []}}),
    ("filters.languages", {"text": "flood", "filters": {"languages": ["Italian"]}}),
    ("filters.sources", {"text": "flood", "filters": {"sources": ["usenet"]}}),
    ("filters", {"text": "flood", "filters": {"since": "2025-11-05T00:00:00Z", "until": "2025-11-04T00:00:00Z"}}),
    ("filters.box", {"text": "flood", "filters": {"box": [8, 44, 400, 45]}}),
    ("fusion", {"text": "flood", "fusion": "oracle"}),
    ("weights.smell", {"text": "flood", "weights": {"smell": 1}}),
    ("weights.text", {"text": "flood", "weights": {"text": -1}}),
    ("body", {"text": "flood", "weights": {"text": 0, "lexical": 0, "space": 0, "time": 0}}),
    ("place.radius_km", {"text": "flood", "place": {"longitude": 8.9, "latitude": 44, "radius_km": 30_000}}),
    ("place.geojson", {"place": {"geojson": {"type": "Polygon", "coordinates": [BOW_TIE]}}}),
    ("filters.last", {"text": "flood", "filters": {"last": "-1h"}}),
    ("near", {"text": "flood", "near": "Nowhereville"}),
    ("near", {"text": "flood", "place": {"near": "Italy"}}),
    ("filters.divisions", {"text": "flood", "filters": {"divisions": ["Nowhereshire"]}}),
    ("cursor", {"text": "flood", "cursor": "not one of ours"}),
    ("cursor", {"text": "flood", "cursor": "WyJ4IiwxLC01XQ"}),
    ("cursor", {"text": "flood", "cursor": "ÿ"}),
]


@pytest.mark.parametrize(("field", "request_body"), BAD, ids=[f"{n}-{field}" for n, (field, _) in enumerate(BAD)])
def test_a_fault_names_its_field_and_a_remedy(night: RunningSystem, field: str, request_body: dict[str, Any]) -> None:
    reply = night.api("POST", "/v1/search", json=request_body)
    assert reply.status_code == 422, reply.text
    assert reply.json()["error"] == "invalid"
    faults = reply.json()["detail"]
    assert any(fault["field"].startswith(field) for fault in faults), faults
    assert all(fault["problem"] and fault["remedy"] for fault in faults)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'"text"',
        b'{"text": "\\ud800"}',
        b'{"place": {"longitude": NaN, "latitude": 1}}',
        b'{"limit": 1e400, "text": "a"}',
        b'{"text": "a", "limit": 99999999999999999999999}',
        b"[" * 5000,
    ],
)
def test_a_body_that_is_no_request_is_422(night: RunningSystem, body: bytes) -> None:
    reply = night.api("POST", "/v1/search", content=body, headers=JSON)
    assert reply.status_code == 422, reply.text
    faults = reply.json()["detail"]
    assert faults and all(fault["field"] and fault["remedy"] for fault in faults)


def test_a_huge_body_is_refused_with_and_without_a_length_header(night: RunningSystem) -> None:
    huge = json.dumps({"text": "a" * 15_100_000}).encode()
    assert night.api("POST", "/v1/search", content=huge, headers=JSON).status_code == 413
    chunked = (huge[start : start + 65536] for start in range(0, len(huge), 65536))
    assert night.api("POST", "/v1/search", content=chunked, headers=JSON).status_code == 413


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
names = st.sampled_from(
    [
        "text",
        "post_id",
        "place",
        "time",
        "filters",
        "limit",
        "cursor",
        "longitude",
        "latitude",
        "box",
        "geojson",
        "radius_km",
        "type",
        "coordinates",
        "since",
        "sources",
        "picture",
        "vectors",
        "modalities",
        "weights",
        "x",
    ]
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=10
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=st.dictionaries(names, anything, max_size=4))
def test_no_request_is_a_500(night: RunningSystem, request: dict[str, Any]) -> None:
    reply = night.api("POST", "/v1/search", content=json.dumps(request).encode(), headers=JSON)
    assert reply.status_code in (200, 404, 422), (request, reply.text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    longitude=st.floats(-180, 180),
    latitude=st.floats(-90, 90),
    radius=st.none() | st.floats(0.001, 20_000),
    words=st.text(min_size=1, max_size=60).filter(str.strip),
)
def test_every_place_on_earth_and_every_text_gets_an_answer(
    night: RunningSystem, longitude: float, latitude: float, radius: float | None, words: str
) -> None:
    place = {"longitude": longitude, "latitude": latitude, **({"radius_km": radius} if radius else {})}
    request = {"text": words, "place": place}
    reply = night.api("POST", "/v1/search", content=json.dumps(request).encode(), headers=JSON)
    assert reply.status_code == (422 if any("\ud800" <= letter <= "\udfff" for letter in words) else 200), reply.text


def test_pages_neither_repeat_nor_skip(night: RunningSystem) -> None:
    request = {"text": "flood in the streets", "time": "2025-11-04T20:00:00Z"}
    whole = night.search(**request, limit=100)
    paged, cursor = [], None
    for _ in range(10):
        page = night.search(**request, limit=10, **({"cursor": cursor} if cursor else {}))
        paged += [hit["post_id"] for hit in page["hits"]]
        assert [hit["rank"] for hit in page["hits"]] == list(range(len(paged) - len(page["hits"]) + 1, len(paged) + 1))
        cursor = page["next_cursor"]
    assert paged == [hit["post_id"] for hit in whole["hits"]]
    assert len(set(paged)) == len(paged) == 100


def test_a_cursor_belongs_to_its_request(night: RunningSystem) -> None:
    cursor = night.search(text="flood", limit=5)["next_cursor"]
    reply = night.api("POST", "/v1/search", json={"text": "fire", "limit": 5, "cursor": cursor})
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["field"] == "cursor"


def test_the_last_page_has_no_cursor(night: RunningSystem) -> None:
    few = {"box": [8.9, 44.3, 9.0, 44.5], "languages": ["fr"]}
    answer = night.search(text="flood", filters=few, limit=100)
    assert answer["hits"] and answer["total"] == len(answer["hits"])
    assert answer["next_cursor"] is None


def test_filters_hold_for_every_hit(night: RunningSystem) -> None:
    filters = {
        "languages": ["it"],
        "sources": ["x", "mastodon"],
        "since": "2025-11-04T19:00:00Z",
        "until": "2025-11-04T22:00:00Z",
    }
    hits = night.search(text="alluvione", time="2025-11-04T20:00:00Z", filters=filters, limit=50)["hits"]
    assert hits
    for hit in hits:
        assert hit["post"]["language"] == "it"
        assert hit["post"]["source"] in ("x", "mastodon")
        assert "2025-11-04T19:00:00Z" <= hit["post"]["created_at"] <= "2025-11-04T22:00:00Z"


def test_a_polygon_and_a_box_of_the_same_area_find_the_same_posts(night: RunningSystem) -> None:
    ring = [[8.0, 44.0], [9.5, 44.0], [9.5, 45.0], [8.0, 45.0], [8.0, 44.0]]
    by_polygon = night.search(place={"geojson": {"type": "Polygon", "coordinates": [ring]}}, limit=100)
    by_box = night.search(place={"box": [8.0, 44.0, 9.5, 45.0]}, limit=100)
    assert by_polygon["hits"]
    assert {h["post_id"] for h in by_polygon["hits"]} == {h["post_id"] for h in by_box["hits"]}
    by_point = night.search(place={"geojson": {"type": "Point", "coordinates": [8.93, 44.41]}}, limit=20)
    ranks = [hit["ranks"]["space"]["rank"] for hit in by_point["hits"]]
    assert ranks and ranks == sorted(ranks)


def test_a_list_is_exact_page_by_page(night: RunningSystem) -> None:
    query = {"near": "Genova", "radius_km": 15, "since": "2025-11-04T19:00:00Z", "until": "2025-11-04T23:00:00Z"}
    listed: list[dict[str, Any]] = []
    page = night.api("GET", "/v1/posts", params={**query, "limit": 7}).json()
    assert page["near"]["name"] == "Genoa"
    while True:
        listed += page["posts"]
        if page["next_cursor"] is None:
            break
        page = night.api("GET", "/v1/posts", params={**query, "limit": 7, "cursor": page["next_cursor"]}).json()
    assert len({post["post_id"] for post in listed}) == len(listed) == page["total"] > 20
    moments = [post["created_at"] for post in listed]
    assert moments == sorted(moments, reverse=True)
    whole = night.search(near="Genova", radius_km=15, filters={k: query[k] for k in ("since", "until")}, limit=100)
    assert [hit["post_id"] for hit in whole["hits"]] == [post["post_id"] for post in listed][:100]
    assert [hit["rank"] for hit in whole["hits"]] == list(range(1, len(whole["hits"]) + 1))


def test_countries_and_divisions_are_filters(night: RunningSystem) -> None:
    hits = night.search(text="alluvione", filters={"divisions": ["Liguria"], "countries": ["it"]}, limit=50)["hits"]
    assert hits
    for hit in hits:
        codes = {(place["country_code"], place["admin1_code"]) for place in hit["post"]["places"]}
        assert ("IT", "08") in codes
    assert night.api("GET", "/v1/posts", params={"country": "JP"}).json()["posts"] == []


def test_a_query_by_example_finds_other_posts_than_its_example(night: RunningSystem) -> None:
    example = night.search(text="people trapped by water in Genova", limit=1)["hits"][0]["post_id"]
    answer = night.search(post_id=example, limit=20)
    assert {"text", "lexical", "spatiotemporal"} <= set(answer["lists"])
    assert answer["hits"] and example not in {hit["post_id"] for hit in answer["hits"]}
    assert night.api("POST", "/v1/search", json={"post_id": "x:unknown-to-all"}).status_code == 404
    assert night.api("GET", "/v1/posts/x:unknown-to-all").status_code == 404


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_fusion_answers_under_its_name(night: RunningSystem, name: str) -> None:
    request = {"text": "flooded streets", "time": "2025-11-04T20:00:00Z", "limit": 50}
    answer = night.search(**request, fusion=name)
    assert answer["fusion"] == name
    assert answer["hits"] and answer["total"] == night.search(**request, fusion="rrf")["total"]
    scores = [hit["score"] for hit in answer["hits"]]
    if name.startswith("tensor"):
        assert set(scores) == {None}
    else:
        assert scores == sorted(scores, reverse=True)


def test_the_default_finds_what_every_fusion_finds_and_what_is_like_the_best_of_it(night: RunningSystem) -> None:
    request = {"text": "flooded streets", "time": "2025-11-04T20:00:00Z", "limit": 100}
    default, plain = (night.search(**request, **more) for more in ({}, {"fusion": "rrf"}))
    assert default["fusion"] == "tensor_learned" and default["lists"] == plain["lists"]
    assert default["total"] >= plain["total"]
    for hit in default["hits"]:
        assert hit["ranks"] or hit["decided_by"] == ["feedback"], "each hit tells what found it"


def test_a_weight_of_0_leaves_a_modality_out_and_a_heavy_one_leads(night: RunningSystem) -> None:
    request = {"text": "strade allagate", "time": "2025-11-04T20:00:00Z", "limit": 20}
    without = night.search(**request, weights={"time": 0})
    assert without["hits"] and all("time" not in hit["ranks"] for hit in without["hits"])
    assert without["weights"]["time"] == 0
    heavy = night.search(**request, fusion="rrf", weights={"time": 100})
    assert len({hit["ranks"]["time"]["rank"] for hit in heavy["hits"][:5]}) == 1, "within ten minutes"


def test_the_probes_and_the_metrics_answer(night: RunningSystem) -> None:
    assert night.api("GET", "/healthz").json() == {"status": "ok"}
    assert night.api("GET", "/readyz").json()["status"] == "ready"
    night.search(text="flood")
    assert 'stormpetrel_search_seconds_count{part="whole"}' in night.api("GET", "/metrics").text
    assert night.api("GET", "/openapi.json").json()["info"]["title"] == "Stormpetrel"


def test_a_text_is_resolved_to_places_with_their_cells_and_reasons(night: RunningSystem) -> None:
    request = {"text": "Flood in Springfield, Illinois and on Zzyzx Avenue", "language": "en"}
    answer = night.api("GET", "/v1/places/resolve", params=request).json()
    springfield = next(place for place in answer["places"] if place["name"] == "Springfield")
    assert springfield["admin1_code"] == "IL"
    assert springfield["cells"].keys() == {"3", "5", "7"}
    assert any("same" in reason for reason in springfield["why"])
    assert {other["admin1_code"] for other in springfield["alternatives"]} - {"IL"}
    assert request["text"][springfield["start"] : springfield["end"]] == "Springfield"
    empty = night.api("GET", "/v1/places/resolve", params={"text": ""})
    assert empty.status_code == 422 and empty.json()["detail"][0]["field"] == "text"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_every_text_gets_its_places_resolved(night: RunningSystem, text: str) -> None:
    assert night.api("GET", "/v1/places/resolve", params={"text": text}).status_code == 200
