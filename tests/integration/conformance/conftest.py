"""What every document store and every vector index must do: held against the local stack, and against servers
given by STORMPETREL_TEST_MONGO and STORMPETREL_TEST_QDRANT, their URLs.

Such servers may ask for more: STORMPETREL_TEST_MONGO_USER, _PASSWORD and _CA, STORMPETREL_TEST_QDRANT_KEY and _CA."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from stormpetrel.core.settings import Mongo, Qdrant
from stormpetrel.stores.collections import VectorCollection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.running import RunningSystem

SERVERS = ("local stack", "server")
DIMENSIONS = 4  # of the vectors


@pytest.fixture(scope="module", params=SERVERS)
def documents(request: pytest.FixtureRequest, system: RunningSystem) -> Iterator[MongoStore]:
    given: dict[str, Any] = {"url": system.addresses["STORMPETREL_MONGO__URL"]}
    if request.param == "server":
        given = _given("STORMPETREL_TEST_MONGO", user="_USER", password="_PASSWORD", ca_file="_CA")
        given["tls"] = "ca_file" in given
    store = MongoStore.of(Mongo(database=f"conformance-{uuid.uuid4().hex[:8]}", **given))
    yield store
    store.close()


def _given(variable: str, **suffixes: str) -> dict[str, Any]:
    """The settings of a server that the environment names; skips the test where it names none."""
    if variable not in os.environ:
        pytest.skip(f"no server given: set {variable} to its URL")
    found = {
        name: os.environ[variable + suffix] for name, suffix in suffixes.items() if variable + suffix in os.environ
    }
    return {"url": os.environ[variable], **found}


@pytest.fixture(scope="module", params=SERVERS)
def index(request: pytest.FixtureRequest, system: RunningSystem) -> Iterator[QdrantIndex]:
    given: dict[str, Any] = {"url": system.addresses["STORMPETREL_QDRANT__URL"]}
    if request.param == "server":
        given = _given("STORMPETREL_TEST_QDRANT", api_key="_KEY", ca_file="_CA")
    made = QdrantIndex.of(Qdrant(**given))
    yield made
    made.close()


@pytest.fixture
def collection(index: QdrantIndex) -> str:
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    fields = (
        ("source", "language", "kind", "duplicate_of", "cells_7", "cells_5", "cells_3"),
        ("event_time", "indexed_at"),
    )
    index.migrate(VectorCollection(name, {"text": DIMENSIONS}, {"lexical": True}, *fields))
    return name
