"""Searches and structured queries filter patches by the predicates of STAC's clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stormpetrel.bootstrap import PATCH_DESCRIPTORS
from stormpetrel.projections import PatchProjection
from tests.memory_api import MemoryApi, patch
from tests.unit.stac_night import add_large_scene, large_patch

WET = "new_water >= 0.25 AND new_water_confidence > 0.7 AND orbit_state = 'descending' AND relative_orbit = 8"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    memory_api = MemoryApi()
    add_large_scene(memory_api, 0)
    vectors = {f"{name}_vector": getattr(patch(1), f"{name}_vector") for name in ("sar", "ms", "fused")}
    projection = PatchProjection(memory_api.documents, memory_api.index, "patches", PATCH_DESCRIPTORS)
    projection.write([large_patch(number, **vectors) for number in range(0, 250, 10)])
    with TestClient(memory_api.app()) as client:
        yield client


@pytest.mark.parametrize(
    ("wanted", "count", "with_new_water"),
    [
        (WET, 3, 3),
        ("new_water >= 0.25 OR cloud_cover > 50", 3, 3),
        ("sensor = 'sentinel-1' AND cloud_cover < 10", 25, 3),
        ({"op": "isNull", "args": [{"property": "eo:cloud_cover"}]}, 30, 30),
        ("label = 'patches:flood-water'", 0, 0),
        ("datetime < TIMESTAMP('2025-11-04T00:00:00Z')", 25, 3),
        ("collection = 'scenes'", 0, 0),
    ],
)
def test_both_know_the_same_predicates(client: TestClient, wanted: Any, count: int, with_new_water: int) -> None:
    structured = client.post(
        "/v1/structured-query", json={"collection": "patches", "within": {"filter": wanted}, "limit": 1000}
    )
    assert structured.status_code == 200, structured.text
    assert structured.json()["found"] == count
    search = client.post("/v1/search", json={"sources": ["patches"], "filters": {"patches": wanted}, "limit": 50})
    assert search.status_code == 200, search.text
    # Without a text or an example a search ranks patches by new water: those without any are none of its hits.
    assert len(search.json()["hits"]) == with_new_water


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/search", {"sources": ["patches"], "filters": {"patches": "(" * 3_000}}),
        ("/v1/search", {"sources": ["posts"], "text": "flood", "filters": {"patches": "cloud_cover < 20"}}),
        ("/v1/search", {"sources": ["patches"], "filters": {"patches": "S_INTERSECTS(geometry, POINT(8 44))"}}),
        ("/v1/structured-query", {"collection": "patches", "within": {"filter": "unheard_of = 1"}}),
        ("/v1/structured-query", {"collection": "posts", "within": {"filter": "cloud_cover < 20"}}),
        ("/v1/structured-query", {"collection": "patches", "within": {"all": [{"filter": "cloud_cover < 20"}] * 11}}),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_remedy(client: TestClient, path: str, body: dict[str, Any]) -> None:
    reply = client.post(path, json=body)
    assert reply.status_code == 422, reply.text
    assert all(fault["problem"] and fault["remedy"] for fault in reply.json()["detail"])
