"""The API on the log and the stores in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.memory_api import SCENE, MemoryApi


@pytest.fixture
def memory_api() -> MemoryApi:
    return MemoryApi()


@pytest.fixture
def client(memory_api: MemoryApi) -> Iterator[TestClient]:
    with TestClient(memory_api.app(), raise_server_exceptions=False) as client:
        yield client


def test_it_answers(client: TestClient) -> None:
    reply = client.post("/v1/search", json={"text": "strade allagate", "limit": 5})
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["hits"]) == 5
    assert client.get("/v1/scenes").json()["scenes"][0]["scene_id"] == SCENE
    assert client.get("/v1/patches").json()["patches"]
    assert client.get("/readyz").status_code == 200
