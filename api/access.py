"""Opens what the gate asks: follows the topic of keys, and sees to it that an open door is on this machine alone."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import Any

import httpx
import jwt
import structlog

from api.security import is_loopback
from stormpetrel.access.access import Access
from stormpetrel.access.audit import AuditTrail
from stormpetrel.access.bearer_tokens import BearerTokens
from stormpetrel.access.keys import KeyRegister, new_key
from stormpetrel.access.rate_limit import RateLimit
from stormpetrel.access.sessions import Sessions
from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import SCOPES, Audited
from stormpetrel.core.security_settings import Oidc
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import KEYS
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.producer import RecordProducer

log = structlog.get_logger()
# A start waits so long for the keys; where the broker is down for longer, requests are answered 503 until it is up.
SETTLE_S = 10.0
RETRY_S = 1.0
TIMEOUT_S = 5.0
COOLDOWN_S = 30.0  # between two fetches of the issuer's keys: tokens of keys that are not there must not cause more


class AccessResources:
    """The access of a process, and the view of the topic `keys` that it follows."""

    def __init__(self, settings: Settings, reader: TopicReader, producer: RecordProducer) -> None:
        self._host, keys = settings.api.host, KeyRegister()
        self.view = TopicView(reader, KEYS, keys.apply, producer).start()
        access, secret = settings.access, settings.catalogue.secret
        session_secret = access.session_secret.get_secret_value() if access.session_secret else None
        self.access = Access(
            access,
            keys,
            Sessions(keys, session_secret, access.session_h * 3600),
            RateLimit(access.rate_per_s, access.burst),
            AuditTrail(producer),
            BearerTokens(access.oidc, IssuerKeys(access.oidc).signing_key) if access.oidc.issuer else None,
            secret.get_secret_value() if secret else None,
        )
        threading.Thread(target=self._settle, daemon=True, name="settle access").start()
        self.access.settled.wait(SETTLE_S)

    def _settle(self) -> None:
        """Reads the keys; where there is none, opens the door to this machine, or makes an operator's key."""
        while not self.access.is_settled:
            try:
                self.view.wait_until_caught_up()
                if not self.access.keys.was_used and self.access.bearer_tokens is None:
                    self._without_keys()
                self.access.settled.set()
            except StoreUnavailable as error:
                log.warning("nobody gets in until the keys are read", reason=str(error))
                time.sleep(RETRY_S)

    def _without_keys(self) -> None:
        if is_loopback(self._host):
            log.warning("no API key: everybody on this machine may do everything", host=self._host)
            return
        key, event = new_key("operator", SCOPES)
        self.view.write([(event.key_id, event)])
        subject = f"{event.key_id} {event.principal}"
        self.access.audit.note(
            Audited(actor="first start", action="keys add", object=subject, outcome="done", at=now())
        )
        log.warning("no API key, and not on a loopback address: an operator's key was made", host=self._host)
        # Not by the log: a key must not lie in log stores. It is shown this once, and kept nowhere.
        print(f"\nThe operator's API key, shown this once:\n\n    {key}\n", flush=True)

    def close(self) -> None:
        self.access.audit.close()
        self.view.close()


class IssuerKeys:
    """The public keys of an issuer, fetched when the first token comes, and kept for five minutes."""

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc

    def signing_key(self, token: str) -> Any:
        """The key that signed a token. Raises jwt.PyJWTError where the issuer has none such, or does not answer."""
        return self._client.get_signing_key_from_jwt(token)

    @cached_property
    def _client(self) -> jwt.PyJWKClient:
        address = self._oidc.jwks_url or self._discovered()
        return jwt.PyJWKClient(address, lifespan=300, timeout=int(TIMEOUT_S), cooldown_duration=COOLDOWN_S)

    def _discovered(self) -> str:
        address = f"{str(self._oidc.issuer).rstrip('/')}/.well-known/openid-configuration"
        try:
            document = httpx.get(address, timeout=TIMEOUT_S).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise jwt.PyJWKClientConnectionError(f"the issuer does not answer at {address}: {error}") from error
        return str(document["jwks_uri"])
