"""The API tells how far indexed items are judged, and which labels there are to filter by."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from stormpetrel.core.topics import MODELS_UPDATED
from stormpetrel.log import record_of_event
from tests.integration.running import wait_until
from tests.memory_api import MemoryApi
from tests.unit.judged_index import FLOOD, model


def publish(client: TestClient, memory_api: MemoryApi, version: str) -> None:
    event = model([1.0], 0.0, version)
    memory_api.log.append(record_of_event(MODELS_UPDATED, event.model_id, event))
    wait_until(lambda: flood(client).get("model_version") == version, 10, "the API has the model")


def flood(client: TestClient) -> Any:
    models = client.get("/v1/models").json()["models"]
    return next((each for each in models if each["model_id"] == FLOOD), {})


def test_a_model_says_how_far_indexed_items_are_judged_by_it(client: TestClient, memory_api: MemoryApi) -> None:
    publish(client, memory_api, "v1")
    assert flood(client)["judged"] == {"version": None, "posts": 0, "patches": 0, "running": True}
    judged = {"_id": FLOOD, "version": "v1", "posts": 40, "patches": 0, "judged_at": 1}
    memory_api.documents.upsert("judged", [judged])
    assert flood(client)["judged"] == {"version": "v1", "posts": 40, "patches": 0, "running": False}
    publish(client, memory_api, "v2")
    assert client.get(f"/v1/models/{FLOOD}").json()["judged"]["running"]


def test_a_label_without_a_model_is_not_found_and_one_with_a_model_is(
    client: TestClient, memory_api: MemoryApi
) -> None:
    publish(client, memory_api, "v1")
    memory_api.index.set_payload("posts", ["x:1"], {"labels": [FLOOD]})
    listed = client.get("/v1/posts", params={"label": FLOOD}).json()
    assert [post["post_id"] for post in listed["posts"]] == ["x:1"] and listed["total"] == 1
    for reply in (
        client.get("/v1/posts", params={"label": "posts/genova:fire"}),
        client.post("/v1/search", json={"text": "fire", "filters": {"labels": ["posts/genova:fire"]}}),
        client.post("/v1/saved-searches", json={"text": "fire", "filters": {"labels": ["posts/genova:fire"]}}),
    ):
        assert reply.status_code == 404 and FLOOD in reply.json()["detail"]
    refused = client.post(
        "/v1/search", json={"text": "f", "sources": ["patches"], "filters": {"without_labels": [FLOOD]}}
    )
    assert refused.status_code == 422 and "Name posts in sources" in refused.json()["detail"][0]["remedy"]
