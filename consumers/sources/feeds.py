"""Feeds of official signals: RSS and Atom (GDACS's among them), CAP alerts, and Atom feeds that link to CAP alerts.

A feed is asked again after a while, with what it said of its last change. The position is that, and the marks of the
entries that were read: one that changed is a new one.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from consumers.sources.back_off import retry_after_s
from consumers.sources.live_source import Disconnected, Gap, Message, Position
from consumers.sources.signal_forms import CAP, signal_of_cap, signal_of_entry
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Signal
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.source_settings import Feeds
from stormpetrel.core.topics import SIGNALS
from stormpetrel.process.metrics import POSTS_TAKEN

MEBIBYTE = 2**20
LARGEST_ALERT = MEBIBYTE  # bytes of a CAP document that an entry links to
REMEMBERED = 1000  # entries; feeds hold a few hundred
REQUEST_WITHIN_S = 30.0


class FeedSource:
    """A LiveSource of one feed. A message is an entry as JSON, or a CAP alert as it came."""

    def __init__(self, address: str, settings: Feeds) -> None:
        self.host = urlsplit(address).netloc
        self.name = f"feeds/{address}"
        self._address, self._settings = address, settings
        self.silence_s = 2 * settings.every_s + 2 * REQUEST_WITHIN_S
        self._client: httpx.Client | None = None
        self._unchanged_since: dict[str, str] = {}
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self._heard_at, self._look_at = time.monotonic(), 0.0

    def connect(self, position: str | None) -> None:
        stored = orjson.loads(position) if position else {}
        self._unchanged_since = dict(stored.get("unchanged_since") or {})
        self._seen = deque(stored.get("seen") or [], maxlen=REMEMBERED)
        self._client = httpx.Client(timeout=REQUEST_WITHIN_S, follow_redirects=True, max_redirects=3)
        self._heard_at, self._look_at = time.monotonic(), 0.0

    def read(self, timeout_s: float) -> Sequence[Message]:
        wait_s = self._look_at - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            return []
        content = self._fetch(self._address, round(self._settings.largest_mb * MEBIBYTE), self._unchanged_since)
        self._heard_at = time.monotonic()
        self._look_at = self._heard_at + self._settings.every_s
        return [] if content is None else list(self._messages(content))

    def _messages(self, content: bytes) -> Iterator[Message]:
        if CAP[1:-1].encode() in content[:2000]:
            yield from self._new(content, self._address)
            return
        import feedparser

        feed = feedparser.parse(BytesIO(content))  # a name would be opened
        if not feed.entries and feed.get("bozo"):
            raise Disconnected(f"{self._address} is no feed: {feed.get('bozo_exception')}", self._settings.every_s)
        for entry in reversed(feed.entries):  # the oldest first
            if (alert := self._alert_of(entry)) is not None:
                content = self._fetch(alert, LARGEST_ALERT, {}) or b""
                yield from self._new(content, alert)
            else:
                record = orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS)
                yield from self._new(record, self._address)

    def _new(self, raw: bytes, address: str) -> Iterator[Message]:
        mark = hashlib.sha256(raw).hexdigest()[:12]
        if mark not in self._seen:
            self._seen.append(mark)
            yield Message(raw, address)

    def _alert_of(self, entry: Any) -> str | None:
        """The CAP alert that an entry links to, on the feed's own host: a feed sends nobody elsewhere."""
        for link in entry.get("links") or []:
            address = urljoin(self._address, str(link.get("href") or ""))
            if link.get("type") == "application/cap+xml" and urlsplit(address).netloc == self.host:
                return address
        return None

    def _fetch(self, address: str, largest: int, unchanged_since: dict[str, str]) -> bytes | None:
        """What is there; None where it has not changed. It is read up to a bound, whatever the server says of its
        size. Raises Disconnected."""
        if self._client is None:
            raise Disconnected("not connected")
        try:
            with self._client.stream("GET", address, headers=unchanged_since) as answer:
                if answer.status_code == 304:
                    return None
                if answer.status_code != 200:
                    raise Disconnected(f"{address} answers {answer.status_code}", retry_after_s(answer.headers))
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > largest:
                        reason = f"{address} is larger than {largest / MEBIBYTE:.0f} MiB: set sources.feeds.largest_mb"
                        raise Disconnected(reason, self._settings.every_s)
                pairs = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
                if address == self._address:
                    said = {ask: answer.headers[told] for ask, told in pairs if told in answer.headers}
                    self._unchanged_since = {name: value for name, value in said.items() if len(value) < 500}
                return bytes(content)
        except httpx.HTTPError as error:
            raise Disconnected(f"{address} does not answer: {error}") from error

    @property
    def position(self) -> Position | None:
        value = orjson.dumps({"unchanged_since": self._unchanged_since, "seen": list(self._seen)}).decode()
        return Position(value) if self._seen else None

    @property
    def heard_at(self) -> float:
        return self._heard_at

    def gap(self) -> Gap | None:
        return None  # a feed does not say what it has dropped

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class SignalPublisher:
    """The messages of a feed become signals on the topic `signals`, or dead letters."""

    def __init__(self, producer: EventProducer, host: str) -> None:
        self._producer, self._host = producer, host

    def take(self, raw: bytes, provenance: str) -> None:
        try:
            signal = self._signal(raw)
            self._producer.publish(SIGNALS, signal.signal_id, signal)
            POSTS_TAKEN.labels("feeds", "published").inc()
        except MalformedRecord as error:
            self._producer.dead_letter(SIGNALS, raw, str(error), "source feeds", provenance)
            POSTS_TAKEN.labels("feeds", "dead").inc()

    def _signal(self, raw: bytes) -> Signal:
        if raw.lstrip()[:1] == b"<":
            return signal_of_cap(self._host, raw)
        try:
            entry = orjson.loads(raw)
        except ValueError as error:
            raise MalformedRecord(f"neither an entry nor a CAP alert: {error}") from error
        return signal_of_entry(self._host, entry)

    def flush(self) -> None:
        self._producer.flush()
