"""Both stores over TLS, and a vector index that asks for a key: by settings alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ports import NearestQuery, Point
from stormpetrel.core.settings import Mongo, Qdrant, Settings
from stormpetrel.stores.collections import VectorCollection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.running import RunningSystem
from tests.integration.tls_proxy import TlsProxy

pytestmark = pytest.mark.integration
KEY = "s3cret"


@pytest.fixture
def mongo_proxy(system: RunningSystem, tmp_path: Path) -> Iterator[TlsProxy]:
    port = urlsplit(system.addresses["STORMPETREL_MONGO__URL"]).port or 0
    with TlsProxy(port, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def qdrant_proxy(system: RunningSystem, tmp_path: Path) -> Iterator[TlsProxy]:
    port = urlsplit(system.addresses["STORMPETREL_QDRANT__URL"]).port or 0
    with TlsProxy(port, tmp_path, KEY) as proxy:
        yield proxy


def test_documents_are_kept_over_tls(mongo_proxy: TlsProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMPETREL_MONGO__URL", f"mongodb://localhost:{mongo_proxy.port}")
    monkeypatch.setenv("STORMPETREL_MONGO__TLS", "true")
    monkeypatch.setenv("STORMPETREL_MONGO__CA_FILE", str(mongo_proxy.ca_file))
    store = MongoStore.of(Settings().mongo)
    store.upsert("secure", [{"_id": "x:1", "text": "acqua"}])
    assert store.get("secure", ["x:1"])["x:1"]["text"] == "acqua"
    store.close()


def test_documents_are_not_sent_to_a_server_that_nobody_vouches_for(mongo_proxy: TlsProxy) -> None:
    url = f"mongodb://localhost:{mongo_proxy.port}"
    for settings in (Mongo(url=url, tls=True, timeout_s=1), Mongo(url=url, timeout_s=1)):
        with pytest.raises(StoreUnavailable, match="MongoDB"):
            MongoStore.of(settings).upsert("secure", [{"_id": "x:1"}])


def test_points_are_kept_over_tls_with_a_key(qdrant_proxy: TlsProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMPETREL_QDRANT__URL", f"https://localhost:{qdrant_proxy.port}")
    monkeypatch.setenv("STORMPETREL_QDRANT__CA_FILE", str(qdrant_proxy.ca_file))
    monkeypatch.setenv("STORMPETREL_QDRANT__API_KEY", KEY)
    index = QdrantIndex.of(Settings().qdrant)
    name = f"secure-{uuid.uuid4().hex[:8]}"
    index.migrate(VectorCollection(name, {"text": 4}))
    index.upsert(name, [Point("x:1", {}, {"text": np.array([1, 0, 0, 0], np.float32)})])
    (found,) = index.query(name, [NearestQuery("text", dense=np.array([1, 0, 0, 0], np.float32))])
    assert [hit.payload["id"] for hit in found] == ["x:1"]
    assert list(index.ids(name)) == ["x:1"] and index.count(name) == 1
    index.drop(name)
    index.close()


def test_points_are_not_sent_without_the_key_or_to_a_stranger(qdrant_proxy: TlsProxy) -> None:
    url = f"https://localhost:{qdrant_proxy.port}"
    for key, ca_file in ((None, qdrant_proxy.ca_file), ("wrong", qdrant_proxy.ca_file), (KEY, None)):
        settings = Qdrant(url=url, api_key=key, ca_file=ca_file, timeout_s=5)  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailable, match=r"qdrant\.api_key" if ca_file else "CERTIFICATE_VERIFY_FAILED"):
            QdrantIndex.of(settings).upsert("secure", [Point("x:1", {})])
