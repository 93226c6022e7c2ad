"""Bearer tokens of an OpenID Connect issuer (signed JWTs: RFC 7519, RFC 9068)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
from pydantic import TypeAdapter, ValidationError

from stormpetrel.access.principals import Principal, Refused
from stormpetrel.core.events import SCOPES, PrincipalName
from stormpetrel.core.security_settings import Oidc

LEEWAY_S = 30  # by which clocks may differ
NAME: TypeAdapter[str] = TypeAdapter(PrincipalName)
SigningKey = Callable[[str], Any]  # the issuer's key that signed a token


class BearerTokens:
    """Reads tokens of the configured issuer. `signing_key` may raise jwt.PyJWTError where the issuer has none such."""

    def __init__(self, oidc: Oidc, signing_key: SigningKey) -> None:
        self._oidc, self._signing_key = oidc, signing_key

    def principal(self, token: str) -> Principal:
        """Who a token was given to, with those of its scopes that this system knows. Raises Refused.

        Signature, issuer, audience and times are checked, and only the configured algorithms are taken: a token must
        not choose its own (RFC 8725, 3.1).
        """
        try:
            claims = jwt.decode(
                token,
                self._signing_key(token),
                algorithms=list(self._oidc.algorithms),
                audience=self._oidc.audience,
                issuer=self._oidc.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", self._oidc.name_claim]},
            )
        except jwt.PyJWTError as error:
            raise Refused(f"this bearer token is not taken: {error}") from error
        try:
            name = NAME.validate_python(claims[self._oidc.name_claim])
        except ValidationError:
            claim = self._oidc.name_claim
            raise Refused(f"the token's claim {claim!r} is no name that can be annotated with") from None
        granted = claims.get(self._oidc.scopes_claim)
        names = granted.split() if isinstance(granted, str) else granted
        known = [scope for scope in SCOPES if scope in names] if isinstance(names, list) else []
        return Principal(name, frozenset(known))
