"""Access tokens of the Copernicus Data Space: fetched with a user's name and password, renewed before they expire."""

from __future__ import annotations

import time

import httpx

from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.settings import Catalogue

RENEW_BEFORE_S = 30.0
TIMEOUT_S = 30.0


class Tokens:
    """A configured token, else a fetched one (OAuth 2.0 password grant), else none."""

    def __init__(self, settings: Catalogue) -> None:
        self._settings = settings
        self._token, self._expires_at = "", 0.0

    def headers(self) -> dict[str, str]:
        """The headers that authorise a request. Raises SetupError where the password is refused, StoreUnavailable
        where the identity server does not answer."""
        if self._settings.user and not self._settings.token and time.monotonic() >= self._expires_at:
            self._fetch()
        token = self._settings.token.get_secret_value() if self._settings.token else self._token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _fetch(self) -> None:
        password = self._settings.password.get_secret_value() if self._settings.password else ""
        form = {"client_id": "cdse-public", "grant_type": "password"}
        form |= {"username": self._settings.user or "", "password": password}
        try:
            response = httpx.post(self._settings.identity_url, data=form, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{self._settings.identity_url} does not answer: {error}") from error
        if response.status_code in (400, 401):
            raise SetupError("catalogue.user and catalogue.password are refused; are they those of the Data Space?")
        if response.status_code != 200:
            raise StoreUnavailable(f"{self._settings.identity_url} answers {response.status_code}")
        grant = response.json()
        self._token = str(grant["access_token"])
        self._expires_at = time.monotonic() + float(grant.get("expires_in", 60)) - RENEW_BEFORE_S
