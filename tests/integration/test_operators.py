"""What operators do to the stores: verify and repair, rebuild either from the log, back both up and restore them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.events import EnrichedPost, Post, Vector
from stormpetrel.core.ports import NearestQuery, Point
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_ENRICHED
from stormpetrel.local.servers import local_addresses, server_parts
from stormpetrel.local.stack import Stack, free_port, this_python
from stormpetrel.stores.collections import VectorCollection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.running import COLLECTION, TEXT_MODEL, RunningSystem, wait_until

pytestmark = pytest.mark.integration
POSTS = 1200
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, cache: Path, model_directory: Path) -> Iterator[RunningSystem]:
    """A system of its own with enriched posts in both stores: what is dropped here is no other test's."""
    with RunningSystem(tmp_path_factory.mktemp("operators"), cache) as system:
        system.start("index", "consume", "index")
        producer, rng = system.producer(), np.random.default_rng(0)
        for number in range(POSTS):
            post_id = f"x:{number}"
            post = Post(post_id=post_id, source="file", text="flood", created_at=AT, ingested_at=now())
            vector = rng.standard_normal(384).astype(np.float32)
            vector /= np.linalg.norm(vector)
            event = EnrichedPost(
                post=post,
                clean_text="flood",
                language="en",
                language_confidence=1,
                text_vector=Vector.of(vector, TEXT_MODEL),
                enriched_at=AT,
            )
            producer.publish(POSTS_ENRICHED, post_id, event)
        producer.flush()
        wait_until(lambda: system.index.count(COLLECTION) == POSTS, 60, "all posts are indexed")
        yield system


def _run(system: RunningSystem, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON on standard output and the text on standard error of a command, as an operator runs it."""
    environment = {**os.environ, **system.addresses}
    done = subprocess.run(
        this_python(*arguments, "--json"), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_nothing_is_rebuilt_beside_an_index_consumer(indexed: RunningSystem) -> None:
    code, _, said = _run(indexed, "rebuild", "vectors")
    assert code == 2 and "stop them first" in said, said


@pytest.mark.parametrize("store", ["documents", "vectors"])
def test_either_store_is_rebuilt_from_empty(indexed: RunningSystem, store: str) -> None:
    indexed.stop("index")
    try:
        before = indexed.documents.get("posts", ["x:7"])
        if store == "documents":
            indexed.documents.drop("posts")
        else:
            indexed.index.drop(COLLECTION)
        code, told, said = _run(indexed, "rebuild", store, "--from-empty")
        assert code == 0, said
        assert told["topics"]["posts.enriched"] == {"records": POSTS, "rejected": 0}
        assert indexed.documents.get("posts", ["x:7"]) == before
        assert indexed.documents.count("posts") == indexed.index.count(COLLECTION) == POSTS
        code, verified, said = _run(indexed, "verify")
        assert code == 0 and verified["whole"], said
    finally:
        indexed.start("index", "consume", "index")


def test_a_store_is_not_emptied_of_what_the_log_has_lost(indexed: RunningSystem) -> None:
    indexed.stop("index")
    try:
        indexed.documents.upsert("posts", [{"_id": "x:old"}])
        code, _, said = _run(indexed, "rebuild", "documents", "--from-empty")
        assert code == 2 and "x:old" in said
        assert indexed.documents.count("posts") == POSTS + 1
        code, _, said = _run(indexed, "rebuild", "documents", "--from-empty", "--accept-loss")
        assert code == 0, said
        assert indexed.documents.count("posts") == POSTS
    finally:
        indexed.start("index", "consume", "index")


def test_a_repair_writes_again_what_is_missing(indexed: RunningSystem) -> None:
    indexed.documents.delete("posts", ["x:3", "x:5"])
    indexed.index.delete(COLLECTION, ["x:5", "x:8"])
    code, found, _ = _run(indexed, "verify")
    assert code == 3 and found["lost"] == ["x:3", "x:5", "x:8"] and "repair" not in found
    code, mended, said = _run(indexed, "verify", "--repair")
    assert code == 0, said
    assert mended["repair"]["reindexed"] == ["x:3", "x:5", "x:8"] and mended["whole"]


def test_both_local_stores_are_backed_up_and_restored(tmp_path: Path, cache: Path) -> None:
    ports = {name: free_port() for name in ("kafka_port", "kafka_controller_port", "mongo_port", "qdrant_port")}
    folder, backup = tmp_path / "state", tmp_path / "backup"
    settings = Settings(cache=cache, local={"directory": folder, **ports})  # type: ignore[arg-type]
    addresses = local_addresses(settings)
    documents = MongoStore(addresses["STORMPETREL_MONGO__URL"], "stormpetrel")
    index = QdrantIndex(addresses["STORMPETREL_QDRANT__URL"])
    vector = np.array([1, 0, 0, 0], np.float32)

    def held() -> tuple[list[str], list[str]]:
        (found,) = index.query("posts", [NearestQuery("text", dense=vector)])
        return sorted(documents.ids("posts")), sorted(hit.payload["id"] for hit in found)

    def write(*post_ids: str) -> None:
        documents.upsert("posts", [{"_id": post_id} for post_id in post_ids])
        index.upsert("posts", [Point(post_id, {}, {"text": vector}) for post_id in post_ids])

    stores = server_parts(settings)[1:]
    with Stack(folder, print) as stack:
        for part in stores:
            stack.start(part)
        index.migrate(VectorCollection("posts", {"text": 4}))
        write("x:1", "x:2")
    for name in ("documents", "vectors"):
        shutil.copytree(folder / name, backup / name)
    with Stack(folder, print) as stack:
        for part in stores:
            stack.start(part)
        documents.drop("posts")
        index.drop("posts")
    for name in ("documents", "vectors"):
        shutil.rmtree(folder / name)
        shutil.copytree(backup / name, folder / name)
    with Stack(folder, print) as stack:
        for part in stores:
            stack.start(part)
        assert held() == (["x:1", "x:2"], ["x:1", "x:2"])
        write("x:3")
        assert held() == (["x:1", "x:2", "x:3"], ["x:1", "x:2", "x:3"])
