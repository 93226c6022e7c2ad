"""The gate before the routes: keys, scopes, rates, content types and the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from api.app import create_app
from stormpetrel.core.events import SCOPES
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import KEYS
from stormpetrel.log.memory import MemoryLog
from tests.unit.secured_api import PUSH_SECRET, SecuredApi, bearer

SCOPE_OF_WRITES = {
    "post /v1/annotations": "annotate",
    "delete /v1/annotations/{annotation_id}": "annotate",
    "post /v1/labels": "annotate",
    "post /v1/saved-searches": "annotate",
    "delete /v1/saved-searches/{saved_search_id}": "annotate",
    "post /v1/feedback/store": "annotate",
    "post /v1/alerting/silences": "annotate",
    "delete /v1/alerting/silences/{silence_id}": "annotate",
    "post /v1/incidents/{incident_id}/actions": "annotate",
    "post /v1/notifications/cdse": "ingest",
    "post /v1/posts": "ingest",
    "post /v1/exchange/{form}": "operate",
}
QUESTIONS = {
    "/v1/search",
    "/v1/stac/search",
    "/v1/feedback",
    "/v1/feedback/descend",
    "/v1/structured-query",
    "/v1/validation",
}
SESSION = "/v1/session"
OPEN = {"/healthz", "/readyz", "/metrics"}  # /metrics by setting
DOCUMENT = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def api() -> Iterator[SecuredApi]:
    with SecuredApi(rate_per_s=0) as running:
        running.make_key("operator", *SCOPES)
        yield running


def asked(path: str) -> str:
    return path.replace("{", "").replace("}", "")


@pytest.mark.parametrize(("method", "path"), [o for o in OPERATIONS if o[1] not in OPEN], ids=lambda value: value)
def test_every_route_is_shut_without_a_key(api: SecuredApi, method: str, path: str) -> None:
    for headers in ({}, bearer("sp_000000000000_guess"), bearer("a.b.c"), {"X-API-Key": "guess"}):
        reply = api.client.request(method, asked(path), headers={**headers, "content-type": "application/json"})
        assert (reply.status_code, reply.json()["error"]) == (401, "unauthorised")
        challenge = "Basic" if path.startswith("/v1/notifications/") else "Bearer"
        assert reply.headers["www-authenticate"] == challenge
    assert "401" in DOCUMENT["paths"][path][method]["responses"]


WRITES = [
    (method, path) for method, path in OPERATIONS if method != "get" and path not in QUESTIONS and path != SESSION
]


def test_this_test_knows_every_route_that_writes_and_its_scope() -> None:
    # A new writing route is shut to all but operators, or stands above.
    needed = {f"{method} {path}": DOCUMENT["paths"][path][method]["x-scope"] for method, path in WRITES}
    assert needed == {name: SCOPE_OF_WRITES.get(name, "operate") for name in needed}
    assert set(SCOPE_OF_WRITES) <= set(needed)


@pytest.mark.parametrize(("method", "path"), WRITES, ids=lambda value: value)
def test_every_route_that_writes_is_refused_with_the_wrong_scopes(api: SecuredApi, method: str, path: str) -> None:
    needed = DOCUMENT["paths"][path][method]["x-scope"]
    key = api.make_key("narrow", *(scope for scope in SCOPES if scope != needed))
    reply = api.client.request(method, asked(path), headers=bearer(key), json={})
    assert (reply.status_code, reply.json()["error"]) == (403, "forbidden")
    assert needed in reply.json()["detail"]


@pytest.mark.parametrize("path", sorted(QUESTIONS))
def test_questions_need_to_read(api: SecuredApi, path: str) -> None:
    key = api.make_key("pusher", "ingest")
    assert api.client.post(path, headers=bearer(key), json={}).status_code == 403


def test_probes_are_open_and_metrics_by_setting(api: SecuredApi) -> None:
    assert [api.client.get(path).status_code for path in sorted(OPEN)] == [200, 200, 200]
    with SecuredApi(open_metrics=False) as shut:
        key = shut.make_key("prometheus", "read")
        assert shut.client.get("/metrics").status_code == 401
        assert shut.client.get("/metrics", headers=bearer(key)).status_code == 200


def test_annotators_are_who_they_are(api: SecuredApi) -> None:
    key = api.make_key("ada", "read", "annotate")
    label = {"label": "flood/cellars", "title": "Cellars"}
    reply = api.client.post("/v1/labels", json={**label, "annotator": "ben"}, headers=bearer(key))
    assert reply.status_code == 201, reply.text
    assert api.journal.catalogue.get("flood/cellars").defined_by == "ada"


def test_without_any_key_a_loopback_server_is_open_and_people_name_themselves() -> None:
    label = {"label": "flood/cellars", "title": "Cellars"}
    with structlog.testing.capture_logs() as logs, SecuredApi() as api:
        assert api.client.post("/v1/labels", json={**label, "annotator": "ben"}).status_code == 201
        assert api.journal.catalogue.get("flood/cellars").defined_by == "ben"
        assert api.client.post("/v1/labels", json=label).status_code == 201
        assert api.journal.catalogue.get("flood/cellars").defined_by == "anybody"
        for site in ("http://evil.example", "null"):
            assert api.client.post("/v1/labels", json=label, headers={"Origin": site}).status_code == 403
        assert api.client.get("/v1/session", headers={"Host": "rebound.example"}).status_code == 403
        assert api.client.get("/healthz", headers={"Host": "api.cluster.local"}).status_code == 200
        # The first key shuts the door, at once and for good.
        api.make_key("operator", "operate")
        assert api.client.post("/v1/labels", json={**label, "annotator": "ben"}).status_code == 401
    assert any("no API key" in entry["event"] for entry in logs)


def test_elsewhere_the_first_start_makes_an_operators_key_and_prints_it_once(capfd: pytest.CaptureFixture[str]) -> None:
    log = MemoryLog()
    with structlog.testing.capture_logs() as logs, SecuredApi(log, host="0.0.0.0") as api:
        printed = [line.strip() for line in capfd.readouterr().out.splitlines() if line.strip().startswith("sp_")]
        assert len(printed) == 1
        assert api.client.get("/v1/session").status_code == 401
        session = api.client.get("/v1/session", headers=bearer(printed[0])).json()
        assert (session["name"], session["scopes"]) == ("operator", sorted(SCOPES))
    assert printed[0] not in str(logs) and printed[0].encode() not in log.records(KEYS.name)[0].value
    with SecuredApi(log, host="0.0.0.0"):
        assert "sp_" not in capfd.readouterr().out


def test_while_the_keys_cannot_be_read_nobody_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.access.SETTLE_S", 0.05)
    log = MemoryLog(available=False)
    with SecuredApi(log) as api:
        assert api.client.get("/v1/session").status_code == 503
        ready = api.client.get("/readyz")
        assert ready.status_code == 503 and "keys" in ready.json()
        log.available = True
        assert api.access_resources.access.settled.wait(10)
        assert api.client.get("/v1/session").status_code == 200


def test_a_socket_needs_a_key(api: SecuredApi) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, api.client.websocket_connect("/v1/saved-searches/x/ws"):
        pass
    assert closed.value.code == 1008


def test_who_asks_too_often_is_told_how_long_to_wait() -> None:
    with SecuredApi(rate_per_s=0.5, burst=2) as api:
        ada, ben = api.make_key("ada", "read"), api.make_key("ben", "read")
        statuses = [api.client.get("/v1/session", headers=bearer(ada)).status_code for _ in range(2)]
        refused = api.client.get("/v1/session", headers=bearer(ada))
        assert statuses == [200, 200] and refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        assert api.client.get("/v1/session", headers=bearer(ben)).status_code == 200
        assert api.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/v1/labels", "text/plain", 415),
        ("/v1/labels", "application/x-www-form-urlencoded", 415),
        ("/v1/labels", "", 415),
        ("/v1/labels", "application/json; charset=utf-8", 422),
        ("/v1/exchange/csv", "multipart/form-data", 415),
        ("/v1/exchange/csv", "text/csv", 422),
    ],
)
def test_a_body_of_another_type_is_not_read(api: SecuredApi, path: str, content_type: str, status: int) -> None:
    headers = {**bearer(api.make_key("ada", *SCOPES)), "content-type": content_type}
    reply = api.client.post(path, content=b'{"label": 1}', headers=headers)
    assert reply.status_code == status, reply.text


def test_a_push_comes_with_the_catalogues_secret_or_a_key_that_may_ingest(api: SecuredApi) -> None:
    address, note = "/v1/notifications/cdse", {"no": "notice"}
    assert api.client.post(address, json=note, auth=("cdse", "wrong")).status_code == 401
    assert api.client.post("/v1/search", json={}, auth=("cdse", PUSH_SECRET)).status_code == 403
    reader, pusher = api.make_key("ada", "read"), api.make_key("pusher", "ingest")
    assert api.client.post(address, json=note, auth=("cdse", reader)).status_code == 403
    for password in (PUSH_SECRET, pusher):
        assert api.client.post(address, json=note, auth=("cdse", password)).json() == {"outcome": "dead"}
    with SecuredApi() as nobody_has_a_key:
        assert nobody_has_a_key.client.post(address, json=note).status_code == 401


def test_every_change_and_every_refusal_of_somebody_known_is_on_the_audit() -> None:
    with SecuredApi() as api:
        ada, ben = api.make_key("ada", "read", "annotate"), api.make_key("ben", "read")
        label = {"label": "flood/cellars", "title": "Cellars"}
        assert api.client.post("/v1/labels", json=label, headers=bearer(ada)).status_code == 201
        api.client.delete("/v1/annotations/ann-1?annotator=eve", headers=bearer(ada))
        api.client.post("/v1/labels", json=label, headers=bearer(ben))
        api.client.post("/v1/labels", json=label)
        api.client.get("/v1/labels", headers=bearer(ada))
    assert sorted(api.audited()) == [
        ("ada", "DELETE /v1/annotations/{annotation_id}", "/v1/annotations/ann-1?annotator=eve", "404"),
        ("ada", "POST /v1/labels", "/v1/labels", "201"),
        ("ben", "POST /v1/labels", "/v1/labels", "403"),
    ]


def test_no_secret_is_in_a_log_or_in_what_settings_show(capfd: pytest.CaptureFixture[str]) -> None:
    secret = "do-not-tell-anybody"
    settings = Settings(
        kafka={"security": {"protocol": "SASL_SSL", "user": "u", "password": secret, "key_password": secret}},
        catalogue={"password": secret, "token": secret, "secret": secret},
        access={"session_secret": secret},
        x={"bearer_token": secret},
        qdrant={"api_key": secret},
        mongo={"password": secret},
        imagery={"token": secret},
        api_key=secret,
    )
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert secret not in shown
    for wrong in ({"access": {"session_secret": secret[:9]}}, {"x": {"bearer_token": [secret]}}):
        with pytest.raises(ValidationError) as refusal:
            Settings.model_validate(wrong)
        assert secret[:9] not in str(refusal.value)
    with structlog.testing.capture_logs() as logs, SecuredApi(session_secret=secret) as api:
        key = api.make_key("ada", *SCOPES)
        cookie = api.client.post("/v1/session", headers=bearer(key)).cookies["stormpetrel_session"]
        api.client.post("/v1/labels", content=b"{", headers={**bearer(key), "content-type": "application/json"})
        api.client.get("/v1/posts/x", headers=bearer(key))
        api.client.get("/v1/labels", headers=bearer(key + "x"))
    output = capfd.readouterr()
    told = f"{output.out}{output.err}{logs}{json.dumps([list(entry) for entry in api.audited()])}"
    assert not [each for each in (key, key + "x", cookie, secret) if each in told]
