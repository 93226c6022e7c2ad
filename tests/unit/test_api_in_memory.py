"""The API on the log and the stores in memory: what it answers, in what form, and what it survives."""

from __future__ import annotations

import csv
import io
import json
import socket
from typing import Any

import pytest
from fastapi.testclient import TestClient

import api.app
from stormpetrel.core.errors import StoreRefused
from stormpetrel.core.topics import ANNOTATIONS, PRODUCTS_ANNOUNCED, SAVED_SEARCHES
from stormpetrel.log import dead_letter_of
from stormpetrel.log.record import Record
from tests.fuzzing import served
from tests.memory_api import SCENE, MemoryApi

PUSH = {"authorization": "Bearer push"}
BEYOND = 10**20
JSON = {"content-type": "application/json"}


def test_it_answers(client: TestClient) -> None:
    reply = client.post("/v1/search", json={"text": "strade allagate", "limit": 5})
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["hits"]) == 5
    assert client.get("/v1/scenes").json()["scenes"][0]["scene_id"] == SCENE
    assert client.get("/v1/patches").json()["patches"]
    assert client.get("/readyz").status_code == 200


# What was a 500


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/predictions?collection=posts&label=related&before={BEYOND}",
        "/v1/maps/tif?scene_id=S2B&labels=water-bodies&vector=text",
        "/v1/posts?until=0.5",
    ],
)
def test_a_parameter_beyond_its_bounds_is_invalid(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 422, reply.text
    assert {"error", "detail"} == reply.json().keys() and reply.json()["detail"][0].keys() == {
        "field",
        "problem",
        "remedy",
    }


@pytest.mark.parametrize(
    "change", [{"ContentLength": BEYOND}, {"Checksum": [None]}, {"Attributes": 1}, {"Checksum": 1}]
)
def test_a_push_that_is_no_product_is_a_dead_letter(
    client: TestClient, memory_api: MemoryApi, change: dict[str, Any]
) -> None:
    value = {
        "Name": "S1A_IW_GRDH_1SDV_20251104T171500_20251104T171525_056789_06F8A1_1A2B.SAFE",
        "ContentDate": {"Start": "2025-11-04T17:15:00Z", "End": "2025-11-04T17:15:25Z"},
        "GeoFootprint": {"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 44]]]},
    }
    good = client.post("/v1/notifications/cdse", json={"SubscriptionEvent": "created", "value": value}, headers=PUSH)
    assert (good.status_code, good.json()) == (202, {"outcome": "published"})
    record = {"SubscriptionEvent": "created", "ProductName": value["Name"], "value": value | change}
    reply = client.post("/v1/notifications/cdse", json=record, headers=PUSH)
    assert (reply.status_code, reply.json()) == (202, {"outcome": "dead"}), reply.text
    assert len(memory_api.log.records(PRODUCTS_ANNOUNCED.dead().name)) == 1


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1400-01-01T00:00:00Z"])
def test_an_import_dated_beyond_what_stores_hold_is_refused(
    client: TestClient, memory_api: MemoryApi, moment: str
) -> None:
    columns = "annotation_id,collection,item_id,label,sign,annotator,annotated_at"
    body = f"{columns}\nann-1,posts,x:1,related,positive,ada,{moment}"
    reply = client.post("/v1/exchange/csv", content=body, headers={"content-type": "text/plain"})
    assert reply.status_code == 422, reply.text
    assert "the year must be between" in reply.json()["detail"][0]["problem"]
    assert memory_api.log.records(ANNOTATIONS.name) == []


def test_the_scale_level_of_a_map_can_be_given(client: TestClient) -> None:
    reply = client.get(f"/v1/maps/geojson?scene_id={SCENE}&labels=water-bodies&scale_level=240")
    assert reply.json()["detail"] and "scale_level" not in reply.text, reply.text


# One form of every error, and all of them documented


def test_every_error_has_the_documented_form(client: TestClient, memory_api: MemoryApi) -> None:
    memory_api.documents.available = False
    replies = {
        404: client.get("/v1/nothing"),
        405: client.put("/v1/saved-searches"),
        401: client.post("/v1/notifications/cdse", json={}),
        413: client.post("/v1/search", content=b" " * 15_000_001, headers=JSON),
        415: client.post("/v1/search", content=b"{}", headers={"content-type": "text/plain"}),
        422: client.post("/v1/search", content=b"{", headers=JSON),
        503: client.get("/v1/scenes"),
    }
    for status, reply in replies.items():
        assert reply.status_code == status, reply.text
        assert reply.json().keys() == {"error", "detail"}, status
    assert replies[405].headers["allow"] == "GET, POST"
    assert replies[401].headers["www-authenticate"] == "Basic"


def test_a_fault_of_the_server_has_the_documented_form(client: TestClient, memory_api: MemoryApi) -> None:
    memory_api.documents.collections["scenes"] = {"x": {"_id": "x"}}  # without what every scene has
    reply = client.get("/v1/scenes")
    assert reply.status_code == 500
    assert reply.json()["error"] == "internal_server_error"


def test_the_openapi_document_gives_every_error_its_form(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values() if path.startswith("/v1") else ():
            for status in ("404", "408", "413", "422", "500", "503"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


# Slow bodies


def test_slow_bodies_are_refused_in_time(memory_api: MemoryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.app, "BODY_WITHIN_S", 0.3)
    head = b"POST /v1/search HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    with served(memory_api) as address:
        port = int(address.rsplit(":", 1)[1])
        sockets = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(50)]
        for connection in sockets:
            connection.sendall(head)
        for connection in sockets:
            answer = b"".join(iter(lambda connection=connection: connection.recv(4096), b""))  # until it is closed
            connection.close()
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "request_timeout"


# Exchange


@pytest.mark.parametrize("person", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1", "''", "ada", "'ada'"])
def test_a_csv_holds_no_formula_and_reads_back_what_was_written(client: TestClient, person: str) -> None:
    annotation = {"item_id": "x:1", "label": "related", "sign": "positive", "annotation_id": f"{person}-1"}
    request = {"collection": "posts/genova", "annotator": person, "annotations": [annotation]}
    assert client.post("/v1/annotations", json=request).status_code == 201
    export = client.get("/v1/exchange/csv?collection=posts/genova").text
    (row,) = csv.DictReader(io.StringIO(export))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values()), row
    with TestClient(MemoryApi().app()) as other:
        reply = other.post("/v1/exchange/csv", content=export, headers={"content-type": "text/plain"})
        assert reply.json() == {"imported": 1, "known": 0, "undone": 0, "forgotten": 0}, reply.text
        (imported,) = other.get("/v1/annotations?collection=posts/genova").json()["annotations"]
        assert (imported["annotator"], imported["annotation_id"]) == (person, f"{person}-1")


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("coco", "[" * 200_000),
        ("coco", '{"annotations": [1]}'),
        ("coco", '{"annotations": [{"attributes": [["a", 1]]}]}'),
        ("stac", '{"features": [{"properties": {"stormpetrel:annotations": [1, "a", null]}}]}'),
        ("stac", '{"features": 1}'),
        ("stac", "null"),
        ("csv", "annotation_id,item_id,label,sign,vectors\n1,2,3,4,[1]\n"),
        ("csv", "annotation_id,item_id,label,sign\n1,2,3,4,5,6\n"),
        ("csv", "annotation_id,item_id,label,sign\n\x00,\x00\n"),
        ("csv", f"annotation_id,item_id,label,sign\n{'a' * 200_000},b,c,d\n"),
    ],
)
def test_an_import_of_anything_else_is_refused(client: TestClient, form: str, body: str) -> None:
    reply = client.post(f"/v1/exchange/{form}", content=body, headers={"content-type": "text/plain"})
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"][0]["field"] == "body"


# Dead letters


def test_dead_letters_are_counted_listed_and_sent_through_again(client: TestClient, memory_api: MemoryApi) -> None:
    record = Record(SAVED_SEARCHES.name, 1, 3, b"saved-1", b"{}", {"schema": b"SavedSearch"})
    memory_api.log.append(dead_letter_of(record, "SavedSearch: request: Field required", "view"))
    assert client.get("/v1/dead-letters").json()["counts"]["saved_searches"] == 1
    (letter,) = client.get("/v1/dead-letters", params={"topic": "saved_searches"}).json()["dead_letters"]
    assert (letter["reason"], letter["stage"]) == ("SavedSearch: request: Field required", "view")
    assert letter["provenance"] == "saved_searches/1/3" and letter["at_ms"] > 0
    replayed = client.post("/v1/dead-letters/replay", json={"topic": "saved_searches"})
    assert replayed.json() == {"topic": "saved_searches", "replayed": 1, "cut": 0}
    assert [record.key for record in memory_api.log.records("saved_searches")] == [b"saved-1"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/dead-letters?topic=posts", None),
        ("POST", "/v1/dead-letters/replay", {"topic": "posts.raw.dead"}),
        ("DELETE", "/v1/dead-letters?topic=nothing", None),
    ],
)
def test_dead_letters_of_a_topic_that_there_is_not(
    client: TestClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    reply = client.request(method, path, json=body)
    assert reply.status_code == 404 and "there are: posts.raw" in reply.json()["detail"], reply.text


def test_what_a_store_refuses_is_the_requests_fault(
    client: TestClient, memory_api: MemoryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise StoreRefused("Qdrant: search: it answers 400: a wrong filter")

    monkeypatch.setattr(memory_api.index, "query", refuse)
    reply = client.post("/v1/search", json={"text": "strade allagate"})
    assert reply.status_code == 422, reply.text
    assert "a wrong filter" in reply.json()["detail"][0]["problem"]
