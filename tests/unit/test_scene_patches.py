"""The patches of a scene as a grid: all of them, in the order of the ground."""

from __future__ import annotations

from fastapi.testclient import TestClient

from stormpetrel.core.ids import PatchId
from tests.memory_api import SCENE, MemoryApi


def test_a_scenes_patches_come_from_north_to_south(client: TestClient) -> None:
    grid = client.get("/v1/scenes/patches", params={"scene_id": SCENE}).json()
    assert (grid["scene_id"], grid["epsg"], grid["scale_level"]) == (SCENE, 32632, 120)
    assert grid["squares"] == [[row, 1] for row in range(29, -1, -1)]


def test_a_square_names_its_patch(client: TestClient, memory_api: MemoryApi) -> None:
    grid = client.get("/v1/scenes/patches", params={"scene_id": SCENE}).json()
    ids = {str(PatchId(SCENE, grid["epsg"], grid["scale_level"], *square)) for square in grid["squares"]}
    assert ids == set(memory_api.index.ids("patches"))


def test_a_scale_level_without_patches_is_empty(client: TestClient) -> None:
    assert client.get("/v1/scenes/patches", params={"scene_id": SCENE, "scale_level": "480"}).json()["squares"] == []


def test_a_scene_that_is_not_there_is_not_found(client: TestClient) -> None:
    reply = client.get("/v1/scenes/patches", params={"scene_id": "S2B_NOWHERE"})
    assert reply.status_code == 404 and "lists them" in reply.json()["detail"]
