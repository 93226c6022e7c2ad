"""What the API asks about whoever comes: one object, made once for a process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from stormpetrel.access.audit import AuditTrail
from stormpetrel.access.bearer_tokens import BearerTokens
from stormpetrel.access.keys import PREFIX, KeyRegister
from stormpetrel.access.principals import ANYBODY, Principal, Refused
from stormpetrel.access.rate_limit import RateLimit
from stormpetrel.access.sessions import Sessions, is_same
from stormpetrel.core.security_settings import Access as AccessSettings


@dataclass(frozen=True)
class Access:
    """Keys, tokens and sessions, rates, and the audit.

    `bearer_tokens` is None without an issuer; `push_secret` opens what catalogues push to. Until it is `settled`, the
    keys are not read from the log yet, and nobody gets in.
    """

    settings: AccessSettings
    keys: KeyRegister
    sessions: Sessions
    rate_limit: RateLimit
    audit: AuditTrail
    bearer_tokens: BearerTokens | None = None
    push_secret: str | None = None
    settled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_settled(self) -> bool:
        return self.settled.is_set()

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who he is: no key was ever made, and there is no issuer. A process that is bound to
        another address than loopback makes a key before it settles."""
        return self.is_settled and not self.keys.was_used and self.bearer_tokens is None

    def principal(self, credential: str) -> Principal:
        """Who a key, a token or the catalogue's password belongs to. Raises Refused."""
        if credential.startswith(PREFIX):
            return self.keys.principal(credential)
        if self.push_secret and is_same(self.push_secret, credential):
            return Principal("catalogue", frozenset({"ingest"}))
        if self.bearer_tokens:
            return self.bearer_tokens.principal(credential)
        raise Refused("this is no API key of this system")

    def may_ask_issuer(self, credential: str) -> bool:
        """Whether `principal` may have to fetch the keys of an issuer first, and so may take seconds."""
        return bool(self.bearer_tokens and credential) and not credential.startswith(PREFIX)

    def still_knows(self, principal: Principal) -> bool:
        """Whether who was let in would be let in now: their key may have been revoked, or the first one been made. Who
        came with a token was known when the stream began."""
        if principal is ANYBODY:
            return self.is_open
        return not principal.key_id or self.keys.is_active(principal.key_id)

    def anybody(self) -> Principal:
        """Who comes without anything. Raises Refused unless the system is open."""
        if self.is_open:
            return ANYBODY
        raise Refused("an API key is needed: send it as `Authorization: Bearer KEY`")
