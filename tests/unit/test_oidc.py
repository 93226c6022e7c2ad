"""Bearer tokens of an issuer that the test starts: discovery, keys and their change, through the API's gate."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stormpetrel.core.clock import now
from tests.unit.secured_api import SecuredApi, bearer


class Issuer:
    """An OpenID Connect issuer with a discovery document and a set of keys, on a port of this machine."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.fetched: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched.append(self.path)
                documents = {"/.well-known/openid-configuration": issuer.discovery, "/keys": issuer.key_set}
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(documents[self.path]()).encode())

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def discovery(self) -> dict[str, str]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def key_set(self) -> dict[str, Any]:
        algorithms = {"rsa": jwt.algorithms.RSAAlgorithm, "ec": jwt.algorithms.ECAlgorithm}
        keys = [
            {**json.loads(algorithms[key_id.split("-")[0]].to_jwk(key.public_key())), "kid": key_id, "use": "sig"}
            for key_id, key in self.keys.items()
        ]
        return {"keys": keys}

    def token(self, key_id: str, **claims: object) -> str:
        times = {"exp": now() + timedelta(minutes=5), "iss": self.url, "aud": "stormpetrel"}
        algorithm = "RS256" if key_id.startswith("rsa") else "ES256"
        return jwt.encode({**times, **claims}, self.keys[key_id], algorithm, {"kid": key_id})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    running.keys["rsa-1"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    yield running
    running.server.shutdown()


def test_a_token_opens_what_its_scopes_say_under_the_name_of_its_subject(issuer: Issuer) -> None:
    with SecuredApi(oidc={"issuer": issuer.url}) as api:
        assert api.client.get("/v1/session").status_code == 401, (
            "with an issuer nothing is open, though nobody has a key"
        )
        token = issuer.token("rsa-1", sub="ada", scope="openid read")
        for _ in range(3):
            who = api.client.get("/v1/session", headers=bearer(token)).json()
            assert (who["name"], who["scopes"]) == ("ada", ["read"])
        assert issuer.fetched == ["/.well-known/openid-configuration", "/keys"], "keys are kept"
        label = {"label": "flood/cellars", "title": "Cellars", "annotator": "ben"}
        assert api.client.post("/v1/labels", json=label, headers=bearer(token)).status_code == 403
        writing = bearer(issuer.token("rsa-1", sub="ada", scope="read annotate"))
        assert api.client.post("/v1/labels", json=label, headers=writing).status_code == 201
        assert api.journal.catalogue.get("flood/cellars").defined_by == "ada"
        assert api.client.post("/v1/session", headers=writing).status_code == 403, "a session needs a key"


def test_a_new_key_of_the_issuer_is_found_and_an_old_one_is_not_taken_from_another(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.access.COOLDOWN_S", 0.0)
    with SecuredApi(oidc={"issuer": issuer.url, "jwks_url": f"{issuer.url}/keys"}) as api:
        assert api.client.get("/v1/session", headers=bearer(issuer.token("rsa-1", sub="ada"))).status_code == 200
        issuer.keys["ec-2"] = ec.generate_private_key(ec.SECP256R1())
        reply = api.client.get("/v1/session", headers=bearer(issuer.token("ec-2", sub="ada")))
        assert reply.status_code == 200, reply.text
        stranger = Issuer()
        stranger.keys["rsa-1"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        forged = stranger.token("rsa-1", sub="ada", iss=issuer.url)
        stranger.server.shutdown()
        assert api.client.get("/v1/session", headers=bearer(forged)).status_code == 401
        late = issuer.token("rsa-1", sub="ada", exp=now() - timedelta(hours=1))
        assert api.client.get("/v1/session", headers=bearer(late)).status_code == 401
        assert (
            api.client.get("/v1/session", headers=bearer(issuer.token("rsa-1", sub="ada", aud="x"))).status_code == 401
        )


def test_while_the_issuer_is_silent_keys_still_open(issuer: Issuer) -> None:
    token = issuer.token("rsa-1", sub="ada")
    issuer.server.shutdown()
    issuer.server.server_close()
    with SecuredApi(oidc={"issuer": issuer.url}) as api:
        refused = api.client.get("/v1/session", headers=bearer(token))
        assert refused.status_code == 401 and "does not answer" in refused.json()["detail"]
        key = api.make_key("operator", "operate")
        assert api.client.get("/v1/session", headers=bearer(key)).status_code == 200
