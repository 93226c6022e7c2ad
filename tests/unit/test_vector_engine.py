"""The local vector index optimises a copy of itself: nothing that is written meanwhile is lost, nobody is blocked."""

from __future__ import annotations

import json
import math
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.local import vector_engine
from stormpetrel.local.vector_collections import Engine
from stormpetrel.local.vector_engine import Shard
from stormpetrel.local.vector_optimiser import optimise
from tests.integration.running import wait_until

CONFIGURATION = {"vectors": {"text": {"size": 4, "distance": "Cosine"}}, "sparse_vectors": {"lexical": {}}}


class SlowOptimiser:
    """Optimises once the test allows it; in a thread, because processes take seconds to start."""

    def __init__(self) -> None:
        self.started, self.allowed, self.fails = threading.Event(), threading.Event(), False

    def __call__(self, directory: Path, configuration: dict[str, Any]) -> None:
        self.started.set()
        assert self.allowed.wait(20)
        if self.fails:
            raise OSError("killed")
        optimise(directory, configuration)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowOptimiser:
    monkeypatch.setattr(vector_engine, "FRESH_MOST", 100)
    monkeypatch.setattr("stormpetrel.local.vector_optimiser.PRIORITY", 0)
    return SlowOptimiser()


def _point(number: int) -> dict[str, Any]:
    return {"id": str(uuid.UUID(int=number + 1)), "vector": {"text": _vector(number)}, "payload": {"id": f"x:{number}"}}


def _vector(number: int) -> list[float]:
    return [math.cos(number / 30), math.sin(number / 30), 0.0, 0.0]


def _shard(directory: Path, slow: SlowOptimiser) -> tuple[Engine, Shard]:
    engine = Engine(directory, slow)
    engine.create("c", json.loads(json.dumps(CONFIGURATION)))
    engine.shards["c"].index("id", "keyword")
    return engine, engine.shards["c"]


def test_filters_nest(tmp_path: Path, slow: SlowOptimiser) -> None:
    engine, shard = _shard(tmp_path, slow)
    shard.upsert([_point(number) for number in range(4)])
    first, second, third = ({"key": "id", "match": {"any": [f"x:{number}"]}} for number in range(3))
    nested = {"should": [first, {"must": [second], "must_not": [third]}]}
    page = shard.scroll({"limit": 10, "with_payload": True, "filter": {"must": [nested]}})
    assert {point["payload"]["id"] for point in page["points"]} == {"x:0", "x:1"}
    engine.close()


def _ids(shard: Shard) -> set[str]:
    page = shard.scroll({"limit": 1000, "with_payload": True})
    return {record["payload"]["id"] for record in page["points"]}


def test_what_is_written_while_a_copy_is_optimised_is_in_it(tmp_path: Path, slow: SlowOptimiser) -> None:
    engine, shard = _shard(tmp_path, slow)
    shard.upsert([_point(number) for number in range(120)])
    assert slow.started.wait(10) and shard.optimising
    shard.upsert([_point(number) for number in range(120, 150)])
    shard.delete([_point(3)["id"], _point(130)["id"]])
    expected = {f"x:{number}" for number in range(150)} - {"x:3", "x:130"}
    assert _ids(shard) == expected
    slow.allowed.set()
    wait_until(lambda: not shard.optimising, 30, "the copy has replaced the shard")
    assert _ids(shard) == expected and shard.count({}) == 148
    near = {"query": {"nearest": _vector(140)}, "using": "text", "limit": 1, "with_payload": ["id"]}
    assert shard.query_batch([near])[0]["points"][0]["payload"]["id"] == "x:140"
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["1"]
    engine.close()
    again = Engine(tmp_path, slow).shards["c"]
    assert _ids(again) == expected


def test_an_optimisation_that_fails_leaves_the_shard_as_it_is(tmp_path: Path, slow: SlowOptimiser) -> None:
    slow.fails = True
    slow.allowed.set()
    engine, shard = _shard(tmp_path, slow)
    shard.upsert([_point(number) for number in range(120)])
    wait_until(lambda: slow.started.is_set() and not shard.optimising, 10, "it has failed")
    assert shard.count({}) == 120
    engine.close()
    assert Engine(tmp_path, slow).shards["c"].count({}) == 120


def test_a_dropped_collection_does_not_come_back_from_its_copy(tmp_path: Path, slow: SlowOptimiser) -> None:
    engine, shard = _shard(tmp_path, slow)
    shard.upsert([_point(number) for number in range(120)])
    assert slow.started.wait(10)
    assert engine.drop("c")
    slow.allowed.set()
    wait_until(lambda: shard._optimising is None, 30, "the optimisation has ended")
    assert Engine(tmp_path, slow).shards == {}
