"""Requests to a catalogue: its token for its own host alone, no more a minute than it allows, and its waits kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from consumers.sources.back_off import retry_after_s
from stormpetrel.core.errors import MalformedRecord, StoreUnavailable
from stormpetrel.core.settings import Catalogue
from stormpetrel.stores.tokens import Tokens

TIMEOUT_S = 60
LONGEST_WAIT_S = 900.0  # between two looks at a catalogue that does not answer


class CatalogueBusy(StoreUnavailable):
    """A catalogue asks to be left alone, for `wait_s` seconds where it says how long."""

    def __init__(self, reason: str, wait_s: float | None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class RequestRate:
    """Lets a request through when the last one began a `per_minute`-th part of a minute ago. Threads share it."""

    def __init__(self, per_minute: int, sleep: Callable[[float], object] = time.sleep) -> None:
        self._gap_s, self._sleep = 60.0 / per_minute, sleep
        self._next, self._lock = 0.0, threading.Lock()

    def wait(self) -> None:
        with self._lock:
            at = max(time.monotonic(), self._next)
            self._next = at + self._gap_s
        self._sleep(max(0.0, at - time.monotonic()))


class CatalogueRequests:
    """The requests of one process to the configured catalogues."""

    @classmethod
    def of(cls, settings: Catalogue) -> CatalogueRequests:
        """As the settings have them."""
        return cls(settings, Tokens(settings), RequestRate(settings.requests_per_minute))

    def __init__(self, settings: Catalogue, tokens: Tokens, rate: RequestRate) -> None:
        self._tokens, self._rate = tokens, rate
        urls = (settings.stac_url, settings.odata_url, settings.subscriptions_url)
        self._origins = {urlsplit(url)[:2] for url in urls}  # scheme, host and port

    def get(self, address: str, query: dict[str, Any] | None) -> Any:
        """The answer's JSON; {} where it has none. Raises as `send`."""
        return orjson.loads(self.send("GET", address, query).content or b"{}")

    def send(self, method: str, address: str, query: dict[str, Any] | None) -> httpx.Response:
        """Raises MalformedRecord where the address is not there, CatalogueBusy where the catalogue asks for patience,
        and StoreUnavailable where it does not answer."""
        self._rate.wait()
        headers = self._authorization(address)
        try:
            reply = httpx.request(
                method, address, params=query, headers=headers, timeout=TIMEOUT_S, follow_redirects=True
            )
            if reply.status_code == httpx.codes.NOT_FOUND:
                raise MalformedRecord(f"{address} is not there")
            raise_if_busy(reply.status_code, reply.headers, address)
            return reply.raise_for_status()
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{address} does not answer: {error}") from error

    def modify(self, request: Any) -> None:
        """Prepares a request that `pystac-client` is about to send."""
        self._rate.wait()
        request.headers = {**(request.headers or {}), **self._authorization(request.url)}

    def _authorization(self, address: str) -> dict[str, str]:
        """The token, for the configured catalogues alone: an answer may name any host for its next page."""
        return self._tokens.headers() if urlsplit(address)[:2] in self._origins else {}


def raise_if_busy(status: int, headers: Any, address: str) -> None:
    """Raises CatalogueBusy where an answer says that too much is asked, or that the catalogue is not to be asked now
    (RFC 9110, 15.6.4 and RFC 6585, 4)."""
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        wait = retry_after_s(headers)
        until = f"for {wait:.0f} s" if wait is not None else "without saying how long"
        raise CatalogueBusy(f"{address} answers {status}: it asks to be left alone {until}", wait)
