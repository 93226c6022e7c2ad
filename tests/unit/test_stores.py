"""The adapters tell a store that refuses from one that does not answer, and send what their settings say."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, WriteError

from stormpetrel.core.errors import StoreRefused, StoreUnavailable, StormpetrelError
from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Filter, NearestQuery, OrderQuery, Point
from stormpetrel.core.settings import Mongo, Qdrant
from stormpetrel.stores.collections import VectorCollection
from stormpetrel.stores.mongo import MongoStore, _store_errors
from stormpetrel.stores.qdrant import QdrantIndex
from stormpetrel.stores.qdrant_connection import _is_readable
from stormpetrel.stores.storable import why_unstorable

NOBODY = "mongodb://127.0.0.1:9"
GOOD = Point("x:1", {"event_time": 1}, {"text": np.ones(4, np.float32)}, {"lexical": ([1, 2], [1.0, 0.5])})


class Recorder(ThreadingHTTPServer):
    """Answers every request with `status`, after `delay_s`; keeps method, path, headers and body of each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.result, self.delay_s = 200, {}, 0.0
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.ports: list[int] = []
        self.closes = False  # without a word: the client finds out

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = (self.command, self.path, dict(self.headers), json.loads(body) if body else None)
        self.server.requests.append(request)
        self.server.ports.append(self.client_address[1])
        time.sleep(self.server.delay_s)
        ok = self.server.status == 200
        answer = {"result": self.server.result, "status": "ok" if ok else {"error": "as told"}, "time": 0}
        content = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.close_connection or self.server.closes

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_every_request_asks_for_an_uncompressed_answer_with_the_key(recorder: Recorder) -> None:
    index = QdrantIndex.of(Qdrant(url=recorder.url, api_key="s3cret"))  # type: ignore[arg-type]
    recorder.result = {"points": [], "next_page_offset": None, "count": 0, "collections": [], "hits": []}
    index.upsert("c", [GOOD])
    index.collections()
    index.count("c")
    list(index.ids("c"))
    list(index.scan("c", "text", ["id"], Filter()))
    index.count_by("c", "language", ["it"])
    index.counts_of("c", "language", Filter(), 9)
    recorder.result = [{"points": []}]  # type: ignore[assignment]
    index.query("c", [NearestQuery("text", dense=np.ones(4, np.float32))])
    assert len(recorder.requests) == 8
    for method, path, headers, _ in recorder.requests:
        assert headers["Accept-Encoding"] == "identity", f"{method} {path}"
        assert headers["api-key"] == "s3cret", f"{method} {path}"
    assert "s3cret" not in repr(Qdrant(api_key="s3cret"))  # type: ignore[arg-type]


def test_a_connection_is_used_again_while_it_is_young_and_open(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Handler, "protocol_version", "HTTP/1.1")
    index, recorder.result = QdrantIndex(recorder.url), {"count": 3}
    assert [index.count("c") for _ in range(3)] == [3, 3, 3]
    assert len(set(recorder.ports)) == 1
    recorder.closes = True
    index.count("c")
    while not _is_readable(index._connection._idle[-1][0]):
        time.sleep(0.01)
    index.count("c")
    assert len(set(recorder.ports)) == 2, "one that the server closed is not used again"
    recorder.closes = False
    monkeypatch.setattr("stormpetrel.stores.qdrant_connection.IDLE_S", 0.0)
    index.count("c")
    index.count("c")
    assert len(set(recorder.ports)) == 4
    index.close()


def test_payloads_are_changed_by_a_filter_of_ids_and_a_least_score_is_searched_exactly(recorder: Recorder) -> None:
    index = QdrantIndex(recorder.url)
    index.set_payload("c", ["x:1"], {"labels": ["posts:flood"]})
    recorder.result = [{"points": []}]  # type: ignore[assignment]
    index.query("c", [NearestQuery("text", dense=np.ones(4, np.float32), at_least=-0.25)])
    (change, query) = (body for _, _, _, body in recorder.requests)
    assert change == {"payload": {"labels": ["posts:flood"]}, "filter": {"must": [{"has_id": [point_id("x:1")]}]}}
    (search,) = query["searches"]
    assert search["score_threshold"] == -0.25
    assert search["params"]["exact"] and search["params"]["quantization"] == {"ignore": True}


def test_a_query_is_sent_as_the_server_reads_it(recorder: Recorder) -> None:
    index = QdrantIndex.of(Qdrant(url=recorder.url))
    within = Filter(
        any_of={"language": ["it"]},
        none_of={"kind": ["near_duplicate"]},
        ranges={"event_time": (1.0, None)},
        boxes=[(8.0, 44.0, 9.0, 45.0)],
        polygon=[(8.0, 44.0), (9.0, 44.0), (9.0, 45.0), (8.0, 44.0)],
        circles=[(8.9, 44.4, 2.5)],
        place_field="towns",
    )
    recorder.result = [{"points": []}] * 3  # type: ignore[assignment]
    vector = np.array([0.1, -1.0], np.float32)
    words = NearestQuery("lexical", sparse=((1, 2), (1.0, 0.5)), limit=7)
    index.query("c", [NearestQuery("text", vector, filter=within), words, OrderQuery("event_time", "asc", 5, within)])
    corners = [{"lon": lon, "lat": lat} for lon, lat in within.polygon or ()]
    box = {"top_left": {"lon": 8.0, "lat": 45.0}, "bottom_right": {"lon": 9.0, "lat": 44.0}}
    condition = {
        "must": [
            {"key": "language", "match": {"any": ["it"]}},
            {"key": "event_time", "range": {"gte": 1.0}},
            {"key": "towns", "geo_bounding_box": box},
            {"key": "towns", "geo_polygon": {"exterior": {"points": corners}}},
            {"key": "towns", "geo_radius": {"center": {"lon": 8.9, "lat": 44.4}, "radius": 2500.0}},
        ],
        "must_not": [{"key": "kind", "match": {"any": ["near_duplicate"]}}],
    }
    order = {"key": "event_time", "direction": "asc", "start_from": 5}
    assert recorder.requests[0][3]["searches"] == [
        {
            "query": {"nearest": [0.1, -1.0]},
            "using": "text",
            "params": {"hnsw_ef": 128},
            "filter": condition,
            "limit": 100,
            "with_payload": ["id"],
        },
        {
            "query": {"nearest": {"indices": [1, 2], "values": [1.0, 0.5]}},
            "using": "lexical",
            "limit": 7,
            "with_payload": ["id"],
        },
        {"query": {"order_by": order}, "filter": condition, "limit": 100, "with_payload": ["id"]},
    ]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_an_answer_that_blames_the_request_is_a_refusal(recorder: Recorder, status: int) -> None:
    recorder.status = status
    for action in _actions(recorder):
        with pytest.raises(StoreRefused, match=f"{status}.*as told"):
            action()


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504, 507])
def test_an_answer_that_tells_of_the_servers_state_is_waited_for(recorder: Recorder, status: int) -> None:
    recorder.status = status
    for action in _actions(recorder):
        with pytest.raises(StoreUnavailable, match=f"{status}.*as told"):
            action()


def _actions(recorder: Recorder) -> list[Any]:
    index = QdrantIndex(recorder.url)
    near = NearestQuery("text", dense=np.ones(4, np.float32))
    return [lambda: index.upsert("c", [GOOD]), lambda: index.query("c", [near]), lambda: index.count("c")]


def test_a_server_that_is_silent_is_unavailable_in_bounded_time(recorder: Recorder) -> None:
    recorder.delay_s = 3
    with pytest.raises(StoreUnavailable):
        QdrantIndex.of(Qdrant(url=recorder.url, timeout_s=0.2)).upsert("c", [GOOD])


def test_where_points_lie_is_asked_for_when_a_collection_is_made(recorder: Recorder) -> None:
    settings = Qdrant(url=recorder.url, shards=6, replication_factor=3, write_consistency=2, on_disk=True)
    recorder.result = {"exists": False}
    with pytest.raises(StormpetrelError):  # it reads the collection next, which this server does not have
        QdrantIndex.of(settings).migrate(VectorCollection("c", {"text": 4}))
    (created,) = [body for method, path, _, body in recorder.requests if method == "PUT" and path == "/collections/c"]
    assert created["shard_number"] == 6 and created["replication_factor"] == 3
    assert created["write_consistency_factor"] == 2
    assert created["vectors"]["text"]["on_disk"] is True


BAD_POINTS = {
    "NaN": Point("x:2", {}, {"text": np.array([math.nan, 1], np.float32)}),
    "infinite": Point("x:2", {}, {"text": np.array([math.inf, 1], np.float32)}),
    "infinite length": Point("x:2", {}, {"text": np.array([3e38, 3e38], np.float32)}),
    "lengths": Point("x:2", {}, sparse={"lexical": ([1, 2, 3], [1.0])}),
    "an index twice": Point("x:2", {}, sparse={"lexical": ([1, 1], [1.0, 1.0])}),
    "an index beyond 32 bits": Point("x:2", {}, sparse={"lexical": ([2**32], [1.0])}),
    "a weight of NaN": Point("x:2", {}, sparse={"lexical": ([1], [math.nan])}),
    "an integer of 64 bits": Point("x:2", {"event_time": 2**63}),
    "NaN in the payload": Point("x:2", {"location": [{"lon": math.nan, "lat": 1.0}]}),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_a_point_that_no_index_takes_is_named_before_it_is_sent(recorder: Recorder, name: str) -> None:
    with pytest.raises(StoreRefused, match="x:2") as refusal:
        QdrantIndex(recorder.url).upsert("c", [GOOD, BAD_POINTS[name]])
    assert refusal.value.ids == ("x:2",)
    assert recorder.requests == []


BAD_VALUES = {
    "integer": 2**63,
    "negative integer": -(2**63) - 1,
    "NaN": math.nan,
    "infinite": [1.0, -math.inf],
    "NUL in a key": {"a\0b": 1},
    "half a pair": "\ud800",
    "half a pair in a key": {"\ud800": 1},
    "no text as key": {1: 2},
    "deep": json.loads("[" * 101 + "]" * 101),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_document_that_no_store_takes_is_named_before_it_is_sent(name: str) -> None:
    store = MongoStore(NOBODY, "none", timeout_s=0.1)
    with pytest.raises(StoreRefused, match="x:2") as refusal:
        store.upsert("posts", [{"_id": "x:1"}, {"_id": "x:2", "value": BAD_VALUES[name]}])
    assert refusal.value.ids == ("x:2",)


def test_what_stores_take_is_not_refused() -> None:
    value = {"a": [2**63 - 1, -(2**63), 1e308, None, True, "ü 💧 \0"], "ü": {"b": ({},)}}
    assert why_unstorable(value) is None


def _faults(*faults: tuple[str, int, str]) -> BulkWriteError:
    errors = [{"code": code, "errmsg": text, "op": {"q": {"_id": each}}} for each, code, text in faults]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})


def test_write_errors_of_the_server_name_their_documents() -> None:
    with pytest.raises(StoreRefused, match=r"x:2.*Invalid JSON") as refusal, _store_errors("writing"):
        raise _faults(("x:2", 8, "Invalid JSON document"), ("x:5", 121, "Document failed validation"))
    assert refusal.value.ids == ("x:2", "x:5")


STATES = {
    "full disk, MongoDB": _faults(("x:2", 14031, "out of disk space")),
    "full disk, local": _faults(("x:2", 8, "database or disk is full")),
    "locked, local": _faults(("x:2", 8, "database is locked")),
    "write concern": BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]}),
    "no primary": OperationFailure("not primary", 10107),
    "not allowed": OperationFailure("not authorized on stormpetrel", 13),
    "lost": AutoReconnect("connection closed"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_of_the_server_is_waited_for(name: str) -> None:
    with pytest.raises(StoreUnavailable), _store_errors("writing"):
        raise STATES[name]


def test_another_failure_of_an_operation_is_a_refusal() -> None:
    for error in (WriteError("too large", 10334), OperationFailure("bad value", 2), OverflowError("8-byte ints")):
        with pytest.raises(StoreRefused), _store_errors("writing"):
            raise error


def test_a_document_server_that_is_not_there_is_unavailable_in_bounded_time() -> None:
    with pytest.raises(StoreUnavailable, match="MongoDB"):
        MongoStore.of(Mongo(url=NOBODY, timeout_s=0.2)).get("posts", ["x:1"])


def test_the_settings_of_mongodb_reach_its_client() -> None:
    settings = Mongo(url=NOBODY, user="ada", password="s3cret", write_concern=2, timeout_s=7)  # type: ignore[arg-type]
    options = MongoStore.of(settings)._client.options
    assert options.write_concern.document == {"w": 2}
    assert options.pool_options.socket_timeout == 7 and options.pool_options.wait_queue_timeout == 7
    credentials = options.pool_options._credentials
    assert credentials is not None and (credentials.username, credentials.password) == ("ada", "s3cret")
    assert "s3cret" not in repr(settings)
    assert MongoStore.of(Mongo(url=NOBODY))._client.options.write_concern.document == {"w": "majority"}
    assert MongoStore.of(Mongo(url=NOBODY, tls=True))._client.options.pool_options._ssl_context is not None


def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Any) -> None:
    with pytest.raises(StormpetrelError, match=r"mongo\.ca_file"):
        MongoStore.of(Mongo(url=NOBODY, tls=True, ca_file=tmp_path / "none.pem"))
    with pytest.raises(StormpetrelError, match=r"qdrant\.ca_file"):
        QdrantIndex.of(Qdrant(url="https://127.0.0.1:9", ca_file=tmp_path / "none.pem"))
