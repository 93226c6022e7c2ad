"""The gate before the routes, as browsers meet it: sessions, origins and headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.websockets import WebSocketDisconnect

from stormpetrel.core.events import SCOPES
from tests.unit.secured_api import SecuredApi, bearer


@pytest.fixture(scope="module")
def api() -> Iterator[SecuredApi]:
    with SecuredApi(rate_per_s=0) as running:
        running.make_key("operator", *SCOPES)
        yield running


def test_a_session_reads_by_its_cookie_and_changes_with_its_token_alone(api: SecuredApi) -> None:
    key = api.make_key("ada", "read", "annotate")
    opened = api.client.post("/v1/session", headers=bearer(key))
    cookie = opened.headers["set-cookie"]
    assert opened.status_code == 201 and key not in cookie
    assert {"HttpOnly", "SameSite=strict", "Max-Age=43200"} <= {part.strip() for part in cookie.split(";")}
    token = opened.json()["csrf_token"]
    try:
        assert api.client.get("/v1/session").json() == {
            "name": "ada",
            "scopes": ["annotate", "read"],
            "csrf_token": token,
        }
        label = {"label": "flood/attics", "title": "Attics"}
        assert api.client.post("/v1/labels", json=label).status_code == 403
        assert api.client.post("/v1/labels", json=label, headers={"X-CSRF-Token": "guess"}).status_code == 403
        forged = {"X-CSRF-Token": token, "Origin": "http://evil.example"}
        assert api.client.post("/v1/labels", json=label, headers=forged).status_code == 403
        own = {"X-CSRF-Token": token, "Origin": "http://127.0.0.1:8000"}
        assert api.client.post("/v1/labels", json=label, headers=own).status_code == 201
        with (
            pytest.raises(WebSocketDisconnect),
            api.client.websocket_connect("/v1/saved-searches/x/ws", headers={"Origin": "http://evil.example"}),
        ):
            pass
        assert api.client.delete("/v1/session", headers=own).status_code == 204
        assert api.client.get("/v1/session").status_code == 401
    finally:
        api.client.cookies.clear()


@pytest.mark.parametrize("broken", ["[::1", "]", "[", "a]b"])
def test_a_host_or_an_origin_that_is_no_address_is_refused_and_no_fault_of_ours(broken: str) -> None:
    label = {"label": "flood/cellars", "title": "Cellars"}
    with SecuredApi() as api:
        reply = api.client.get("/v1/labels", headers={"Host": broken})
        assert (reply.status_code, reply.json()["error"]) == (403, "forbidden")
        reply = api.client.post("/v1/labels", json=label, headers={"Origin": f"http://{broken}"})
        assert (reply.status_code, reply.json()["error"]) == (403, "forbidden")
        address = "/v1/saved-searches/x/ws"
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            api.client.websocket_connect(address, headers={"Origin": f"http://{broken}"}),
        ):
            pass
        assert closed.value.code == 1008


def test_a_page_of_this_very_server_may_change_something() -> None:
    with SecuredApi() as api:
        label = {"label": "flood/cellars", "title": "Cellars"}
        reply = api.client.post("/v1/labels", json=label, headers={"Origin": "http://127.0.0.1:8000"})
        assert reply.status_code == 201, reply.text


def test_answers_carry_security_headers_refusals_too(api: SecuredApi) -> None:
    for path in ("/healthz", "/v1/labels", "/nowhere"):
        headers = api.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "content-security-policy" not in api.client.get("/docs").headers


def test_pages_of_other_sites_are_allowed_by_setting_alone(api: SecuredApi) -> None:
    ask = {"Origin": "https://desk.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in api.client.options("/v1/search", headers=ask).headers
    with SecuredApi(cors_origins=["https://desk.example"]) as allowing:
        allowing.make_key("operator", "operate")
        reply = allowing.client.options("/v1/search", headers=ask)
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, "https://desk.example")
        other = {**ask, "Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in allowing.client.options("/v1/search", headers=other).headers
