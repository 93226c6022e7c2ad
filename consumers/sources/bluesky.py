"""Bluesky's Jetstream over a WebSocket: every public post of the network as JSON, without a key.

The position is `time_us`, the microsecond at which Jetstream met the event. A connection rewinds some seconds, so the
first event that comes is one that was read before: where it is not, the network has forgotten what lay between.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from consumers.sources.back_off import retry_after_s
from consumers.sources.live_source import Disconnected, Gap, Message, Position
from stormpetrel.core.errors import SetupError
from stormpetrel.core.source_settings import Bluesky

REWIND_US = 2_000_000  # to the same host
OTHER_HOST_REWIND_US = 10_000_000  # hosts meet the same event at different times
LARGEST_MESSAGE = 500_000  # bytes; Jetstream leaves larger ones out, and the log would not take them
MOST_AT_ONCE = 500
CONNECT_WITHIN_S = 15.0
TOO_MANY = 429


class BlueskySource:
    """A LiveSource. Hosts take turns: the next one is tried where one fails."""

    name = "bluesky"

    def __init__(self, settings: Bluesky) -> None:
        if not settings.hosts:
            raise SetupError("sources.bluesky.hosts is empty: name a Jetstream host, such as wss://HOST")
        self._settings, self.silence_s = settings, settings.silence_s
        self._decompress = _Decompressor(settings.zstd_dictionary.read_bytes()) if settings.zstd_dictionary else None
        self._turn = 0
        self._last_host: str | None = None
        self._connection: ClientConnection | None = None
        self._broken: Disconnected | None = None
        self._newest_us = 0
        self._resumed_at_us: int | None = None
        self._gap: Gap | None = None
        self._heard_at = time.monotonic()

    def connect(self, position: str | None) -> None:
        host = self._settings.hosts[self._turn % len(self._settings.hosts)]
        self._newest_us = int(position) if position else 0
        rewind_us = REWIND_US if host == self._last_host else OTHER_HOST_REWIND_US
        cursor = max(0, self._newest_us - rewind_us) if position else None
        self._resumed_at_us = self._newest_us if position else None
        try:
            self._connection = connect(
                self._address(host, cursor), open_timeout=CONNECT_WITHIN_S, max_size=4 * LARGEST_MESSAGE
            )
        except InvalidStatus as error:
            self._turn += 1
            wait_s = retry_after_s(error.response.headers) if error.response.status_code == TOO_MANY else None
            raise Disconnected(f"{host} answers {error.response.status_code}", wait_s) from error
        except (OSError, WebSocketException) as error:
            self._turn += 1
            raise Disconnected(f"{host} does not answer: {error}") from error
        self._last_host, self._heard_at = host, time.monotonic()

    def _address(self, host: str, cursor: int | None) -> str:
        query: list[tuple[str, Any]] = [("wantedCollections", name) for name in self._settings.collections]
        query += [("maxMessageSizeBytes", LARGEST_MESSAGE), ("compress", str(self._decompress is not None).lower())]
        if cursor is not None:
            query.append(("cursor", cursor))
        return f"{host}/subscribe?{urlencode(query)}"

    def read(self, timeout_s: float) -> Sequence[Message]:
        if self._broken is not None:
            raise self._broken
        messages: list[Message] = []
        while len(messages) < MOST_AT_ONCE:
            try:
                frame = self._receive(0.0 if messages else timeout_s)
            except Disconnected as error:
                # The position counts what came before the break: that is returned first.
                self._broken = error
                break
            if frame is None:
                break
            messages.append(self._message(frame))
        if messages:
            self._heard_at = time.monotonic()
        elif self._broken is not None:
            raise self._broken
        return messages

    def _receive(self, timeout_s: float) -> str | bytes | None:
        if self._connection is None:
            raise Disconnected("not connected")
        try:
            return self._connection.recv(timeout_s)
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            self._turn += 1
            raise Disconnected(f"{self._last_host} ended the connection: {error}") from error

    def _message(self, frame: str | bytes) -> Message:
        raw = self._plain(frame)
        moment_us = _time_us(raw)
        if moment_us is not None:
            if self._resumed_at_us is not None:
                self._note_gap(self._resumed_at_us, moment_us)
            self._newest_us = max(self._newest_us, moment_us)
        return Message(raw, f"jetstream/{moment_us}")

    def _plain(self, frame: str | bytes) -> bytes:
        if isinstance(frame, str):
            return frame.encode()
        return self._decompress(frame) if self._decompress is not None else frame

    def _note_gap(self, resumed_at_us: int, first_us: int) -> None:
        self._resumed_at_us = None
        if first_us > resumed_at_us:
            reason = f"{self._last_host} has no event from before the position any more"
            self._gap = Gap(_moment(resumed_at_us), _moment(first_us), reason)

    @property
    def position(self) -> Position | None:
        return Position(str(self._newest_us), _moment(self._newest_us)) if self._newest_us else None

    @property
    def heard_at(self) -> float:
        return self._heard_at

    def gap(self) -> Gap | None:
        gap, self._gap = self._gap, None
        return gap

    def close(self) -> None:
        connection, self._connection, self._broken = self._connection, None, None
        if connection is not None:
            connection.close_timeout = 0.2  # a host that is stuck answers no closing handshake
            connection.close()


class _Decompressor:
    """One zstd frame a message, by Jetstream's own dictionary. What is no such frame stays as it is: the publisher
    sends it to the dead letters."""

    def __init__(self, dictionary: bytes) -> None:
        from backports import zstd

        self._zstd, self._dictionary = zstd, zstd.ZstdDict(dictionary)

    def __call__(self, frame: bytes) -> bytes:
        try:
            return self._zstd.ZstdDecompressor(self._dictionary).decompress(frame, 4 * LARGEST_MESSAGE)
        except self._zstd.ZstdError:
            return frame


def _time_us(raw: bytes) -> int | None:
    """The time of an event, wherever it stands in it; None where it has none that a position could be."""
    try:
        value = orjson.loads(raw)["time_us"]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else None


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
