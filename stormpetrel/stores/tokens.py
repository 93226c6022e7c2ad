"""Access tokens of the Copernicus Data Space: fetched with a user's name and password, and again before they end."""

from __future__ import annotations

import time

import httpx

from stormpetrel.core.errors import SetupError, StoreUnavailable
from stormpetrel.core.settings import Catalogue

EARLY_S = 30.0
TIMEOUT_S = 30.0


class Tokens:
    """A fixed token where one is set, else a fetched one (OAuth 2.0 password grant), else none."""

    def __init__(self, settings: Catalogue) -> None:
        self._settings = settings
        self._fetched, self._until = "", 0.0

    def headers(self) -> dict[str, str]:
        """What authorises a request. Raises SetupError where the password is refused, StoreUnavailable where nobody
        answers."""
        token = self._settings.token or self._current()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _current(self) -> str:
        if not self._settings.user:
            return ""
        if time.monotonic() >= self._until:
            self._fetch()
        return self._fetched

    def _fetch(self) -> None:
        form = {
            "client_id": "cdse-public",
            "grant_type": "password",
            "username": self._settings.user,
            "password": self._settings.password or "",
        }
        try:
            reply = httpx.post(self._settings.identity_url, data=form, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{self._settings.identity_url} does not answer: {error}") from error
        if reply.status_code in (400, 401):
            raise SetupError("catalogue.user and catalogue.password are refused; are they those of the Data Space?")
        if reply.status_code != 200:
            raise StoreUnavailable(f"{self._settings.identity_url} answers {reply.status_code}")
        told = reply.json()
        self._fetched = str(told["access_token"])
        self._until = time.monotonic() + float(told.get("expires_in", 60)) - EARLY_S
