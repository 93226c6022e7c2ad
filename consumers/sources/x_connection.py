"""X's API v2 by tweepy: one connection of a stream, read by a thread of its own, and how long X asks to wait after it.

tweepy's clients are used as they are. Their address is fixed, so requests are sent on to the one of the settings; they
would connect again by themselves, so each is told to end at its first break: the position decides where to go on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import requests
import tweepy
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from consumers.sources.live_source import Disconnected, Refused

TWEEPYS_ADDRESS = "https://api.twitter.com"
MOST_WAITING = 10_000  # lines between the two threads; beyond it X has to wait
OPEN_WITHIN_S = 30.0
KEEP_ALIVE = b""
LIMITED, TOO_MANY = (420, 429), 429
REFUSALS = {
    401: "the bearer token is refused: set STORMPETREL_X__BEARER_TOKEN to one that holds",
    403: "the token's access tier has no such stream: choose another tier, or leave the source out",
}


class XWaits:
    """X's rules for the next try: after a network error a quarter of a second more each time, up to 16 s; after an HTTP
    error 5 s, doubling up to 320 s; after 429 a minute, doubling up to a window of 15, and not before the window of
    the limit ends. `unit_s` scales them for tests."""

    def __init__(self, unit_s: float = 1.0) -> None:
        self._unit_s = unit_s
        self.connected()

    def connected(self) -> None:
        """The connection works: the next waits begin anew."""
        self._network_s, self._http_s, self._limited_s = 0.0, 5.0, 60.0

    def after_network_error(self) -> float:
        wait_s, self._network_s = self._network_s, min(self._network_s + 0.25, 16.0)
        return wait_s * self._unit_s

    def after_status(self, status: int, headers: Mapping[str, str], now_s: float) -> float:
        """`now_s` is the time since 1970, as `x-rate-limit-reset` is."""
        if status not in LIMITED:
            wait_s, self._http_s = self._http_s, min(2 * self._http_s, 320.0)
            return wait_s * self._unit_s
        wait_s, self._limited_s = self._limited_s, min(2 * self._limited_s, 900.0)
        return max(wait_s * self._unit_s, until_reset_s(headers, now_s))


def until_reset_s(headers: Mapping[str, str], now_s: float) -> float:
    """The seconds until the window of a limit ends, at most an hour; 0 where X does not say."""
    reset = headers.get("x-rate-limit-reset", "")
    return min(max(0.0, float(reset) - now_s), 3600.0) if reset.isdigit() else 0.0


class _SentOn(HTTPAdapter):
    """Sends what is meant for tweepy's own address to another one."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address.rstrip("/")

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        request.url = (request.url or "").replace(TWEEPYS_ADDRESS, self._address, 1)
        options["proxies"] = get_environ_proxies(request.url)
        return super().send(request, *arguments, **options)


def sent_on(client: Any, address: str) -> Any:
    """The tweepy client, whose requests go to `address`."""
    client.session.mount(TWEEPYS_ADDRESS, _SentOn(address))
    return client


class XConnection(tweepy.StreamingClient):
    """One connection of the stream `endpoint` (`search`, `compliance`). `lines` has what came: a line, a keep-alive, or
    how the connection ended, which is always the last."""

    def __init__(self, address: str, bearer_token: str, waits: XWaits) -> None:
        super().__init__(bearer_token, max_retries=0)
        sent_on(self, address)
        self.session.hooks["response"].append(self._note_response)
        self._waits, self._response = waits, requests.Response()
        self._opened_or_ended, self._left = threading.Event(), threading.Event()
        self._ended: Disconnected | None = None
        self.lines: queue.Queue[bytes | Disconnected] = queue.Queue(MOST_WAITING)
        self.heard_at = time.monotonic()

    def open(self, endpoint: str, parameters: Mapping[str, str]) -> None:
        """Connects. Raises Disconnected or Refused."""
        options = {"params": dict(parameters)}
        threading.Thread(target=self._connect, args=("GET", endpoint), kwargs=options, daemon=True).start()
        if not self._opened_or_ended.wait(OPEN_WITHIN_S):
            self.leave()
            raise Disconnected("X does not answer", self._waits.after_network_error())
        if self._ended is not None:
            raise self._ended

    def waiting(self, timeout_s: float, most: int) -> Iterator[bytes | Disconnected]:
        """What has come, in its order; the first of it is waited for."""
        for count in range(most):
            try:
                yield self.lines.get(timeout=timeout_s) if timeout_s and not count else self.lines.get_nowait()
            except queue.Empty:
                return

    def leave(self) -> None:
        """Ends the connection now, and not with its next line: X counts it against the account until then."""
        self._left.set()
        self.disconnect()
        try:
            self._response.raw.shutdown()
        except (AttributeError, ValueError, RuntimeError, OSError):
            return  # it has ended already, or was never made

    def _note_response(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._response = response

    def on_connect(self) -> None:
        if self._opened_or_ended.is_set():  # a second connection of tweepy's own making
            self._end(Disconnected("X ended the stream"))
            return
        self._waits.connected()
        self.heard_at = time.monotonic()
        self._opened_or_ended.set()

    def on_data(self, raw_data: bytes) -> None:
        if (reason := _last_word(raw_data)) is not None:
            self._end(Disconnected(f"X ends the stream: {reason}"))
        else:
            self._put(raw_data)

    def on_keep_alive(self) -> None:
        self._put(KEEP_ALIVE)

    def on_closed(self, response: Any) -> None:
        self._end(Disconnected("X closed the stream"))

    def on_connection_error(self) -> None:
        self._end(Disconnected("the connection to X broke", self._waits.after_network_error()))

    def on_request_error(self, status_code: int) -> None:
        wait_s = self._waits.after_status(status_code, self._response.headers, time.time())
        reason = f"X answers {status_code}"
        if status_code in REFUSALS:
            self._end(Refused(f"{reason}: {REFUSALS[status_code]}", wait_s))
        else:
            self._end(Disconnected(reason, wait_s))

    def on_exception(self, exception: Exception) -> None:
        self._end(Disconnected(f"the connection to X broke: {exception}", self._waits.after_network_error()))

    def on_disconnect(self) -> None:
        self._end(Disconnected("the connection to X ended"))

    def _end(self, ended: Disconnected) -> None:
        self.disconnect()
        if self._ended is None:
            self._ended = ended
            self._put(ended)
            self._opened_or_ended.set()

    def _put(self, line: bytes | Disconnected) -> None:
        self.heard_at = time.monotonic()
        while not self._left.is_set():
            try:
                self.lines.put(line, timeout=0.2)
                return
            except queue.Full:
                self.heard_at = time.monotonic()  # it is we who are slow


def _last_word(line: bytes) -> str | None:
    """The reason of an error message of the stream's own; None for everything else. An error beside a post is of its
    parts."""
    if not line.startswith(b'{"errors"'):
        return None
    try:
        message = orjson.loads(line)
        return None if "data" in message else "; ".join(str(error["detail"]) for error in message["errors"])
    except (ValueError, TypeError, KeyError):
        return None
