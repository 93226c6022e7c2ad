"""The local vector index takes nothing that its engine breaks on, and one broken collection stops no other."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from starlette.testclient import TestClient

from stormpetrel.local import vector_collections
from stormpetrel.local.qdrant_codec import read_configuration, read_point
from stormpetrel.local.vector_server import application

VECTORS = {"text": {"size": 4, "distance": "Cosine"}}
COLLECTION = {"vectors": VECTORS, "sparse_vectors": {"lexical": {}}}
POINT = {"id": str(uuid.UUID(int=1)), "vector": {"text": [1.0, 0.0, 0.0, 0.0]}, "payload": {"id": "x:1"}}
NEAR = {"searches": [{"query": {"nearest": [1.0, 0.0, 0.0, 0.0]}, "using": "text", "limit": 3, "with_payload": ["id"]}]}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = application(tmp_path)
    with TestClient(app) as client:
        client.put("/collections/posts", json=COLLECTION)
        assert _upsert(client, POINT["vector"]).status_code == 200
        yield client
    app.state.engine.close()


def _upsert(client: TestClient, vector: Any, payload: Any = None, collection: str = "posts") -> Any:
    point = {"id": POINT["id"], "vector": vector, "payload": payload or {"id": "x:1"}}
    return client.put(f"/collections/{collection}/points", json={"points": [point]})


BAD_VECTORS = {
    "lengths": {"lexical": {"indices": [1, 2, 3], "values": [1.0]}},
    "twice": {"lexical": {"indices": [1, 1], "values": [1.0, 2.0]}},
    "beyond 32 bits": {"lexical": {"indices": [2**32], "values": [1.0]}},
    "below 0": {"lexical": {"indices": [-1], "values": [1.0]}},
    "no values": {"lexical": {"indices": [1]}},
    "sparse of dense": {"lexical": [1.0, 2.0]},
    "dense of sparse": {"text": {"indices": [1], "values": [1.0]}},
    "dimensions": {"text": [1.0, 0.0]},
    "null": {"text": [1.0, None, 0.0, 0.0]},
    "infinite in float32": {"text": [1e300, 0.0, 0.0, 0.0]},
    "infinite length": {"text": [3e38, 3e38, 0.0, 0.0]},
    "unknown": {"other": [1.0, 0.0, 0.0, 0.0]},
}


@pytest.mark.parametrize("name", BAD_VECTORS)
def test_a_vector_that_the_engine_breaks_on_is_refused_before_it_sees_it(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    reply = _upsert(client, BAD_VECTORS[name])
    assert reply.status_code == 400
    assert POINT["id"] in reply.json()["status"]["error"]
    _still_whole(client, tmp_path)


def _set_vectors(client: TestClient, *vectors: tuple[str, Any]) -> Any:
    points = [{"id": point_id, "vector": vector} for point_id, vector in vectors]
    return client.put("/collections/posts/points/vectors", json={"points": points})


def test_single_vectors_of_points_that_are_there_are_written(client: TestClient, tmp_path: Path) -> None:
    """A request that names a point that is not there is refused before it is on the engine's log."""
    terms, other = {"lexical": {"indices": [7], "values": [1.0]}}, str(uuid.UUID(int=2))
    assert _set_vectors(client, (POINT["id"], terms)).status_code == 200
    refused = _set_vectors(client, (POINT["id"], terms), (other, terms))
    assert refused.status_code == 400 and "No point with id" in refused.json()["status"]["error"]
    assert _set_vectors(client, (POINT["id"], BAD_VECTORS["dimensions"])).status_code == 400
    body = {"ids": [POINT["id"], other], "with_vector": True, "with_payload": True}
    (point,) = client.post("/collections/posts/points", json=body).json()["result"]
    assert point["vector"].keys() == {"text", "lexical"} and point["payload"] == {"id": "x:1"}
    _still_whole(client, tmp_path)


def test_a_payload_that_the_engine_could_not_read_again_is_refused(client: TestClient, tmp_path: Path) -> None:
    nested: Any = json.loads("[" * 150 + "]" * 150)
    assert "[[" not in (reply := _upsert(client, {}, {"deep": nested})).text and reply.status_code == 400
    assert _upsert(client, POINT["vector"], {"id": "x:1", "deep": json.loads("[" * 90 + "]" * 90)}).status_code == 200
    _still_whole(client, tmp_path)


@pytest.mark.parametrize("nearest", [[1.0], [1e300, 0.0, 0.0, 0.0], {"indices": [1, 2], "values": [1.0]}])
def test_a_bad_query_is_refused(client: TestClient, nearest: Any) -> None:
    search = {"query": {"nearest": nearest}, "using": "text", "limit": 3}
    assert client.post("/collections/posts/points/query/batch", json={"searches": [search]}).status_code == 400


def _still_whole(client: TestClient, directory: Path) -> None:
    """The collection has its one point now, and after a restart."""
    client.app.state.engine.close()  # type: ignore[attr-defined]
    again = application(directory)
    found = TestClient(again).post("/collections/posts/points/query/batch", json=NEAR).json()["result"]
    assert [point["payload"]["id"] for point in found[0]["points"]] == ["x:1"]
    again.state.engine.close()
    client.app.state.engine.shards.clear()  # type: ignore[attr-defined]


def _broken_collection(directory: Path, name: str) -> None:
    """A collection whose log makes the engine panic, as the first releases wrote it."""
    shard = edge.EdgeShard.create(str(_made(directory / name / "0")), read_configuration(COLLECTION))
    vector = {"lexical": {"indices": [1, 2, 3], "values": [1.0]}}
    with pytest.raises(BaseException, match="index out of bounds"):
        shard.update(edge.UpdateOperation.upsert_points([read_point({**POINT, "vector": vector})]))
    shard.close()
    record = {"configuration": COLLECTION, "generation": 0, "optimised": 0}
    (directory / f"{name}.json").write_text(json.dumps(record))


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


def test_one_broken_collection_is_named_and_the_others_serve(tmp_path: Path) -> None:
    _broken_collection(tmp_path, "patches")
    (tmp_path / "cut.json").write_text('{"configuration": {"vec')
    client = TestClient(application(tmp_path))
    client.put("/collections/posts", json=COLLECTION)
    assert _upsert(client, POINT["vector"]).status_code == 200
    assert client.post("/collections/posts/points/query/batch", json=NEAR).status_code == 200
    for name in ("patches", "cut"):
        reply = _upsert(client, POINT["vector"], collection=name)
        assert reply.status_code == 503 and name in reply.text and "stormpetrel rebuild vectors" in reply.text
        assert client.get(f"/collections/{name}/exists").json()["result"] == {"exists": True}
    ready = client.get("/readyz")
    assert ready.status_code == 503 and "patches" in ready.text and "posts" not in ready.text
    for name in ("patches", "cut"):
        assert client.delete(f"/collections/{name}").json()["result"] is True
        client.put(f"/collections/{name}", json=COLLECTION)
        assert _upsert(client, POINT["vector"], collection=name).status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_panic_at_work_takes_out_its_collection_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.put("/collections/other", json=COLLECTION)
    monkeypatch.setattr("stormpetrel.local.vector_engine.check_point", lambda *_: None)
    reply = _upsert(client, BAD_VECTORS["lengths"])
    assert reply.status_code == 503 and "posts" in reply.text
    assert client.post("/collections/posts/points/query/batch", json=NEAR).status_code == 503
    assert _upsert(client, POINT["vector"], collection="other").status_code == 200
    client.app.state.engine.shards.pop("posts", None)  # type: ignore[attr-defined]


def test_a_collection_that_did_not_open_on_a_full_disk_opens_when_there_is_room(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.app.state.engine.close()  # type: ignore[attr-defined]
    client.app.state.engine.shards.clear()  # type: ignore[attr-defined]
    opens, opened = vector_collections.Shard, list[Path]()

    def shard_of(directory: Path, *arguments: Any) -> Any:
        opened.append(directory)
        if len(opened) < 3:
            raise RuntimeError("Service runtime error: No space left on device (os error 28)")
        return opens(directory, *arguments)

    monkeypatch.setattr(vector_collections, "Shard", shard_of)
    again = TestClient(application(tmp_path))
    assert again.post("/collections/posts/points/query/batch", json=NEAR).status_code == 503
    assert len(opened) == 1, "it was tried a moment ago"
    monkeypatch.setattr(vector_collections, "OPEN_EVERY_S", 0)
    assert again.post("/collections/posts/points/query/batch", json=NEAR).status_code == 503
    assert again.post("/collections/posts/points/query/batch", json=NEAR).status_code == 200
    assert len(opened) == 3 and again.get("/readyz").status_code == 200
    again.app.state.engine.close()  # type: ignore[attr-defined]


def test_a_collection_that_exists_is_a_conflict_as_on_a_server(client: TestClient) -> None:
    assert client.put("/collections/posts", json=COLLECTION).status_code == 409
    assert client.get("/collections/none").status_code == 404


def test_fields_of_a_payload_are_written_and_what_is_not_there_is_passed_by(client: TestClient) -> None:
    ids = [POINT["id"], str(uuid.UUID(int=2))]
    change = {"payload": {"labels": ["posts:flood"]}, "filter": {"must": [{"has_id": ids}]}}
    assert client.post("/collections/posts/points/payload?wait=true", json=change).status_code == 200
    (record,) = client.post("/collections/posts/points", json={"ids": ids}).json()["result"]
    assert record["payload"] == {"id": "x:1", "labels": ["posts:flood"]}
    everything = {"payload": {"labels": []}, "filter": {"must": [{"key": "id", "match": {"any": ["x:1"]}}]}}
    reply = client.post("/collections/posts/points/payload", json=everything)
    assert reply.status_code == 400 and "has_id" in reply.text


@pytest.mark.parametrize(("least", "count"), [(0.5, 1), (1.1, 0)])
def test_the_least_score_of_a_hit_is_kept(client: TestClient, least: float, count: int) -> None:
    exact = {"params": {"exact": True, "quantization": {"ignore": True}}, "score_threshold": least}
    request = {"searches": [NEAR["searches"][0] | exact]}
    (answer,) = client.post("/collections/posts/points/query/batch", json=request).json()["result"]
    assert len(answer["points"]) == count
