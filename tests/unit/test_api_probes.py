"""What the API's probes tell of its followers and its stores."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED, SAVED_SEARCHES, Topic
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from stormpetrel.log.record import OutgoingRecord
from stormpetrel.log.topic_reader import Progress
from tests.memory_api import MemoryApi

PUSH = {"authorization": "Bearer push"}
BEYOND = 10**20
JSON = {"content-type": "application/json"}


class BrokenReader(MemoryTopicReader):
    """Follows all topics but one: there the thread dies, or stands still behind the topic's end."""

    def __init__(self, log: MemoryLog, topic: str, fault: str) -> None:
        super().__init__(log)
        self._topic, self._fault = topic, fault

    def follow(self, topic: Topic, stopping: Callable[[], bool], tail: int | None = None) -> Iterator[Progress]:
        if topic.name != self._topic:
            yield from super().follow(topic, stopping, tail)
        elif self._fault == "dies":
            raise SystemExit
        yield Progress([], {0: 0}, {0: 5000})
        while not stopping():
            time.sleep(0.02)


def settled(client: TestClient, path: str, status: int) -> Any:
    """The answer of a probe as soon as it has this status."""
    for _ in range(200):
        reply = client.get(path)
        if reply.status_code == status:
            return reply.json()
        time.sleep(0.02)
    raise AssertionError(f"{path} stays at {reply.status_code}: {reply.text}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the thread dies on purpose
@pytest.mark.parametrize("topic", [ANNOTATIONS.name, SAVED_SEARCHES.name, MODELS_UPDATED.name])
def test_a_follower_that_died_is_told_by_both_probes(memory_api: MemoryApi, topic: str) -> None:
    memory_api.reader = BrokenReader(memory_api.log, topic, "dies")
    with TestClient(memory_api.app()) as client:
        for path, status in (("/readyz", "waiting"), ("/healthz", "dead")):
            assert settled(client, path, 503) == {
                "status": status,
                topic: "it is followed no more; restart this process",
            }


def test_a_follower_that_is_behind_is_not_ready_and_lives(memory_api: MemoryApi) -> None:
    memory_api.reader = BrokenReader(memory_api.log, ANNOTATIONS.name, "stands")
    with TestClient(memory_api.app()) as client:
        assert settled(client, "/readyz", 503) == {
            "status": "waiting",
            "annotations": "5000 records are not applied yet",
        }
        assert client.get("/healthz").json() == {"status": "ok"}


def test_a_store_that_is_down_is_named(client: TestClient, memory_api: MemoryApi) -> None:
    memory_api.index.available = False
    assert settled(client, "/readyz", 503) == {"status": "waiting", "qdrant": "the vector index does not answer"}
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_a_poisonous_record_does_not_end_the_annotations(
    client: TestClient, memory_api: MemoryApi, moment: str
) -> None:
    annotation = {"annotation_id": "ann-0", "collection": "posts", "item_id": "x:1", "label": "related"}
    poison = {**annotation, "sign": "positive", "annotator": "eve", "annotated_at": moment, "schema_version": 2}
    search = {"saved_search_id": "saved-0", "request": {}, "within": 1, "created_at": moment}
    for topic, schema, fields in ((ANNOTATIONS, "Annotation", poison), (SAVED_SEARCHES, "SavedSearch", search)):
        value = json.dumps(fields).encode()
        memory_api.log.append(OutgoingRecord(topic.name, b"posts", value, {"schema": schema.encode()}))
    request = {"collection": "posts", "annotator": "ada"}
    request |= {"annotations": [{"item_id": "x:1", "label": "related", "sign": "positive"}]}
    assert client.post("/v1/annotations", json=request).status_code == 201
    assert client.post("/v1/saved-searches", json={"text": "flood"}).status_code == 201
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/healthz").json() == {"status": "ok"}
