"""Posts counted by H3 cell: every post of the filter once for each cell that it names, none twice, none lost."""

from __future__ import annotations

from collections import Counter

import h3
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.ports import Filter, Point
from stormpetrel.search import post_cells as module
from stormpetrel.search.post_cells import CellsRequest, post_cells
from tests.memory_api import MemoryApi
from tests.unit.memory_index import MemoryIndex

PLACES = st.tuples(st.floats(-180, 180), st.floats(-85, 85))


def index_of(posts: list[list[tuple[float, float]]], **payload: object) -> MemoryIndex:
    """An index of posts that name these points, longitude first, as the projection writes them."""
    return MemoryIndex(
        posts=[
            Point(
                f"x:{number}",
                {
                    "kind": "original",
                    "event_time": number,
                    **{f"cells_{each}": sorted({cells(*place)[each] for place in places}) for each in RESOLUTIONS},
                    **payload,
                },
            )
            for number, places in enumerate(posts)
        ]
    )


@given(st.lists(st.lists(PLACES, min_size=1, max_size=3), max_size=20), st.sampled_from(RESOLUTIONS))
def test_each_post_counts_once_in_each_cell_that_it_names(
    posts: list[list[tuple[float, float]]], resolution: int
) -> None:
    counted = post_cells(index_of(posts), "posts", Filter(), resolution)
    expected = Counter(cell for places in posts for cell in {cells(*place)[resolution] for place in places})
    assert {feature.id: feature.properties.posts for feature in counted.features} == expected
    assert not counted.is_cut


@given(st.lists(PLACES, min_size=1, max_size=20), st.integers(0, 7))
def test_coarser_cells_have_the_posts_of_their_children(places: list[tuple[float, float]], resolution: int) -> None:
    counted = post_cells(index_of([[place] for place in places]), "posts", Filter(), resolution)
    assert sum(feature.properties.posts for feature in counted.features) == len(places)
    assert {h3.get_resolution(feature.id) for feature in counted.features} == {resolution}
    most = [feature.properties.posts for feature in counted.features]
    assert most == sorted(most, reverse=True)


@pytest.mark.parametrize("place", [(179.99, -17.0), (-179.99, 65.0), (8.93, 44.41)])
def test_an_outline_is_closed_and_does_not_jump_over_the_180th_meridian(place: tuple[float, float]) -> None:
    (feature,) = post_cells(index_of([[place]]), "posts", Filter(), 3).features
    (ring,) = feature.geometry.coordinates
    longitudes = [longitude for longitude, _ in ring]
    assert ring[0] == ring[-1] and len(ring) >= 6
    assert max(longitudes) - min(longitudes) < 10


def test_near_duplicates_and_what_a_filter_leaves_out_do_not_count() -> None:
    index = index_of([[(8.93, 44.41)]] * 3)
    index.collections["posts"]["x:0"].payload["kind"] = "near_duplicate"
    within = Filter(ranges={"event_time": (0, 1)})
    (feature,) = post_cells(index, "posts", within, 5).features
    assert feature.properties.posts == 1


def test_more_cells_than_are_counted_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 2)
    index = index_of([[(0, 0)], [(50, 0)], [(100, 0)], [(100, 0)]])
    counted = post_cells(index, "posts", Filter(), 3)
    assert [feature.properties.posts for feature in counted.features] == [2, 1] and counted.is_cut
    assert not post_cells(index_of([[(0, 0)], [(50, 0)]]), "posts", Filter(), 3).is_cut


def test_a_resolution_that_the_index_has_not_is_refused() -> None:
    for resolution in (-1, 8):
        with pytest.raises(ValidationError):
            CellsRequest(resolution=resolution)


def test_the_route_answers_geojson_and_takes_the_filters_of_a_list(client: TestClient) -> None:
    reply = client.get("/v1/posts/cells", params={"resolution": 3})
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/geo+json"
    answer = reply.json()
    assert answer["type"] == "FeatureCollection" and not answer["is_cut"]
    assert sum(feature["properties"]["posts"] for feature in answer["features"]) == 40
    box = client.get("/v1/posts/cells", params={"box": "8.9,44,9.0,45", "language": "it"}).json()
    assert 0 < sum(feature["properties"]["posts"] for feature in box["features"]) < 40
    assert client.get("/v1/posts/cells", params={"resolution": 9}).status_code == 422
    assert client.get("/v1/posts/cells", params={"near": "Nowhere at all", "radius_km": 3}).status_code == 422
    assert client.get("/v1/posts/cells", params={"cursor": "x"}).status_code == 422


def test_an_index_that_does_not_answer_is_said(client: TestClient, memory_api: MemoryApi) -> None:
    memory_api.index.available = False
    assert client.get("/v1/posts/cells").status_code == 503
