"""Sessions of browsers: a signed cookie instead of a key, with a token against forged requests.

A page cannot keep a key safely, and an `EventSource` cannot send a header. What is signed is itsdangerous' timed form
(HMAC-SHA256): nothing is kept on the server, and every process with the same secret knows the session.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from stormpetrel.access.keys import KeyRegister
from stormpetrel.access.principals import Principal, Refused
from stormpetrel.core.errors import NotFound


@dataclass(frozen=True)
class Session:
    """Who a cookie stands for, and the token that a request which changes something must carry beside it."""

    principal: Principal
    csrf_token: str


class Sessions:
    """Makes and reads sessions. `secret` is shared by all processes; without one, a process has its own."""

    def __init__(self, keys: KeyRegister, secret: str | None, lifetime_s: float) -> None:
        self._keys, self.lifetime_s = keys, int(lifetime_s)
        own_secret = secret or secrets.token_urlsafe(32)
        self._serializer = URLSafeTimedSerializer(
            own_secret, salt="stormpetrel session", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def open(self, principal: Principal) -> tuple[str, str]:
        """A cookie's value and its CSRF token. Raises Refused with a token's principal: they have no key to look up."""
        if not principal.key_id:
            raise Refused("a session is opened with an API key; send a bearer token with each request instead")
        csrf_token = secrets.token_urlsafe(24)
        return str(self._serializer.dumps([principal.key_id, csrf_token])), csrf_token

    def read(self, cookie: str) -> Session:
        """Who a cookie stands for now. Raises Refused where it is forged, too old, or its key was revoked."""
        try:
            key_id, csrf_token = self._serializer.loads(cookie, max_age=self.lifetime_s)
            event = self._keys.get(key_id)
        except SignatureExpired as error:
            raise Refused("the session has ended; open another: POST /v1/session") from error
        except (BadSignature, NotFound, ValueError, TypeError) as error:
            raise Refused("this session is not known, or its key was revoked") from error
        return Session(self._keys.principal_of(event), csrf_token)

    def csrf_token_of(self, cookie: str, principal: Principal) -> str | None:
        """The token of a cookie where it stands for this principal; None where it does not."""
        try:
            session = self.read(cookie)
        except Refused:
            return None
        return session.csrf_token if session.principal == principal else None


def is_same(expected: str, given: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing."""
    return hmac.compare_digest(expected.encode(), given.encode())
