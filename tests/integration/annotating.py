"""What a client of the annotation API does, and the posts that it labels."""

from __future__ import annotations

from typing import Any

from stormpetrel.core.events import ModelUpdated
from stormpetrel.core.topics import MODELS_UPDATED
from tests.integration.running import RunningSystem

FLOOD = [
    "water rises in the streets, people on roofs",
    "the river broke its banks near the old bridge",
    "flooded cellar, send pumps please",
    "rescue boats in the drowned market square",
    "mud and water in every house of our road",
]
OTHER = [
    "my cat sleeps all day long",
    "great concert last night, what a band",
    "new phone arrived, love the camera",
    "who wins the league this season",
    "best pasta recipe of my grandmother",
]
COLLECTION = "posts/annotation-test"


def annotate(
    system: RunningSystem,
    items: list[tuple[str, str]],
    label: str,
    collection: str = COLLECTION,
    annotator: str = "ada",
    **more: Any,
) -> dict[str, Any]:
    body = {
        "collection": collection,
        "annotator": annotator,
        **more,
        "annotations": [{"item_id": item, "label": label, "sign": sign} for item, sign in items],
    }
    reply = system.api("POST", "/v1/annotations", json=body)
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


def lessons(count: int = 6) -> list[tuple[str, str]]:
    """Posts of both kinds in turn."""
    return [
        pair
        for n in range(count)
        for pair in ((f"file:lesson-flood-{n}", "positive"), (f"file:lesson-other-{n}", "negative"))
    ]


def models(system: RunningSystem, label: str, collection: str = COLLECTION) -> dict[str, Any]:
    found = system.api("GET", "/v1/models", params={"collection": collection}).json()["models"]
    return next((one for one in found if one["label"] == label), {})


def listed(system: RunningSystem, label: str = "flood", collection: str = COLLECTION) -> list[dict[str, Any]]:
    reply = system.api("GET", "/v1/annotations", params={"collection": collection, "label": label, "limit": 1000})
    found: list[dict[str, Any]] = reply.json()["annotations"]
    return found


def newest_model(system: RunningSystem) -> ModelUpdated:
    found = [record.decode(ModelUpdated) for record in system.reader.read(MODELS_UPDATED)]
    return [model for model in found if (model.collection, model.label) == (COLLECTION, "flood")][-1]
