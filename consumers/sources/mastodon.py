"""Mastodon's servers: hashtags from their timelines without a token, and the streaming API with one.

Since Mastodon 4.2 streams need a token; timelines of hashtags are public on most servers. Each connection first reads
the timelines from the newest status that was read (`min_id`), so a break leaves no gap; then it streams, or looks again
after a while. The position is the newest status id of each timeline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import httpx
import orjson

from consumers.sources.back_off import retry_after_s
from consumers.sources.live_source import Disconnected, Gap, Message, Position, Refused
from consumers.sources.server_sent_events import EventParser, ServerSentEvent
from stormpetrel.core.source_settings import Mastodon

PAGE = 40  # statuses; servers give no more at a time
MOST_AT_ONCE = 500
REQUEST_WITHIN_S = 20.0
PUBLIC = ""  # the timeline of all posts, among those of hashtags


class _Read(NamedTuple):
    """A status of a timeline, and its message where it is not a repeat."""

    timeline: str
    newest: str
    message: Message | None


class MastodonSource:
    """A LiveSource of one server with all its timelines."""

    def __init__(self, server: str, settings: Mastodon) -> None:
        self.name = f"mastodon/{server.removeprefix('https://').removeprefix('http://')}"
        self._server = self.name.partition("/")[2]
        self._url = server if "://" in server else f"https://{server}"
        self._settings = settings
        token = settings.tokens.get(self._server)
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._timelines = [*settings.hashtags, *([PUBLIC] if settings.public and token else [])]
        self.silence_s = settings.silence_s + (0 if token else settings.every_s + REQUEST_WITHIN_S)
        self._streams: list[_Stream] = []
        self._arrived: queue.Queue[tuple[str, ServerSentEvent] | Disconnected] = queue.Queue(10_000)
        self._client: httpx.Client | None = None
        self._pending: deque[_Read] = deque()
        self._behind: deque[str] = deque()  # timelines that have more than was read of them
        self._newest: dict[str, str] = {}
        self._seen: deque[str] = deque(maxlen=5_000)
        self._broken: Disconnected | None = None
        self._heard_at = time.monotonic()
        self._look_at = 0.0

    def connect(self, position: str | None) -> None:
        self._newest = _newest_of(position)
        self._client = httpx.Client(base_url=self._url, headers=self._headers, timeout=REQUEST_WITHIN_S)
        self._arrived, self._broken = queue.Queue(10_000), None
        if self._headers:  # before the timelines are read: what comes meanwhile waits in the queue
            self._streams = [_Stream(self._client, timeline, self._arrived) for timeline in self._timelines]
            for stream in self._streams:
                stream.open_or_ended.wait(REQUEST_WITHIN_S)
        self._look()

    def read(self, timeout_s: float) -> Sequence[Message]:
        if self._broken is not None:
            raise self._broken
        if self._behind and not self._pending:
            self._read_page()
        if self._pending or self._behind:
            return [message for message in self._returned(MOST_AT_ONCE) if message is not None]
        if not self._headers:
            return self._poll(timeout_s)
        messages = list(self._streamed(timeout_s))
        if not messages and self._broken is not None:
            raise self._broken
        return messages

    def _poll(self, timeout_s: float) -> Sequence[Message]:
        if time.monotonic() < self._look_at:
            time.sleep(min(timeout_s, max(0.0, self._look_at - time.monotonic())))
        else:
            self._look()
        return []

    def _look(self) -> None:
        """Begins to read all timelines since the newest status of each."""
        self._look_at = time.monotonic() + self._settings.every_s
        self._behind.extend(self._timelines)
        if self._behind:
            self._read_page()

    def _returned(self, most: int) -> Iterator[Message | None]:
        """Only what is returned counts in the position."""
        for _ in range(min(most, len(self._pending))):
            timeline, newest, message = self._pending.popleft()
            self._newest[timeline] = newest
            yield message

    def _read_page(self) -> None:
        """Reads a page of the first timeline that is behind, the oldest status first. What is streamed waits until all
        have caught up, however long that takes: otherwise the position would pass over what lies between."""
        timeline = self._behind[0]
        newest = self._newest.get(timeline)
        page = self._page(timeline, {"limit": PAGE, **({"min_id": newest} if newest else {})})
        statuses = sorted((status for status in page if _id(status)), key=lambda status: _order(_id(status)))
        for status in statuses:
            message = self._status("update", status, orjson.dumps(status).decode())
            self._pending.append(_Read(timeline, _id(status), message))
        if newest is None or len(page) < PAGE or not statuses:
            self._behind.popleft()

    def _page(self, timeline: str, query: dict[str, Any]) -> list[Any]:
        path = f"/api/v1/timelines/tag/{timeline}" if timeline else "/api/v1/timelines/public"
        assert self._client is not None
        try:
            answer = self._client.get(path, params=query)
            self._heard_at = time.monotonic()
            _check(answer, self._server)
            page = orjson.loads(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise Disconnected(f"{self._server} does not answer: {error}") from error
        return page if isinstance(page, list) else []

    def _streamed(self, timeout_s: float) -> Iterator[Message]:
        """What the streams have brought; a stream that ended is told after what it brought before."""
        wait_s = timeout_s
        for _ in range(MOST_AT_ONCE):
            self._heard_at = max([self._heard_at, *(stream.heard_at for stream in self._streams)])
            try:
                arrived = self._arrived.get(timeout=wait_s) if wait_s else self._arrived.get_nowait()
            except queue.Empty:
                return
            if isinstance(arrived, Disconnected):
                self._broken = arrived
                return
            timeline, event = arrived
            yield from self._event(timeline, event)
            wait_s = 0.0

    def _event(self, timeline: str, event: ServerSentEvent) -> Iterator[Message]:
        if event.name == "delete":
            yield self._message("delete", event.data)
            return
        try:
            status = orjson.loads(event.data)
        except ValueError:
            yield self._message(event.name, event.data)  # the publisher sends it to the dead letters
            return
        if (message := self._status(event.name, status, event.data)) is not None:
            yield message
        if event.name == "update" and (newest := _id(status)):
            self._newest[timeline] = max(newest, self._newest.get(timeline, ""), key=_order)

    def _status(self, name: str, status: Any, payload: str) -> Message | None:
        """None for a status that another timeline of the server has brought already."""
        revision = f"{name}{_id(status)}{status.get('edited_at') if isinstance(status, dict) else ''}"
        if _id(status) and revision in self._seen:
            return None
        self._seen.append(revision)
        return self._message(name, payload)

    def _message(self, name: str, payload: str) -> Message:
        frame = {"event": name, "payload": payload, "server": self._server}
        return Message(orjson.dumps(frame), f"{self.name}/{name}")

    @property
    def position(self) -> Position | None:
        return Position(orjson.dumps(self._newest, option=orjson.OPT_SORT_KEYS).decode()) if self._newest else None

    @property
    def heard_at(self) -> float:
        return self._heard_at

    def gap(self) -> Gap | None:
        return None  # timelines are read from where they were left, whatever came since

    def close(self) -> None:
        for stream in self._streams:
            stream.stopped.set()
        self._streams = []
        self._pending.clear()
        self._behind.clear()
        if self._client is not None:
            self._client.close()
            self._client = None
        self._seen.clear()  # what was read and may not be on the log must come again


class _Stream:
    """One stream, read by a thread of its own into the source's queue."""

    def __init__(
        self, client: httpx.Client, timeline: str, arrived: queue.Queue[tuple[str, ServerSentEvent] | Disconnected]
    ) -> None:
        self._client, self._timeline, self._arrived = client, timeline, arrived
        self.stopped, self.open_or_ended = threading.Event(), threading.Event()
        self.heard_at = time.monotonic()
        threading.Thread(target=self._run, name=f"stream {timeline}", daemon=True).start()

    def _run(self) -> None:
        path = f"/api/v1/streaming/{'hashtag' if self._timeline else 'public'}"
        query = {"tag": self._timeline} if self._timeline else {}
        parser = EventParser()
        try:
            with self._client.stream("GET", path, params=query, timeout=httpx.Timeout(20.0, read=None)) as answer:
                _check(answer, str(self._client.base_url))
                self.open_or_ended.set()
                for part in answer.iter_bytes():
                    self.heard_at = time.monotonic()
                    for event in parser.feed(part):
                        self._arrived.put((self._timeline, event))
                    if self.stopped.is_set():
                        return
            self._arrived.put(Disconnected("the server ended the stream"))
        except Disconnected as error:
            self._arrived.put(error)
        except Exception as error:  # also what a client raises that is closed under its stream
            self._arrived.put(Disconnected(f"the stream broke: {error}"))
        finally:
            self.open_or_ended.set()


def _check(answer: httpx.Response, server: str) -> None:
    """Raises Refused or Disconnected where the answer is no success."""
    if answer.status_code in (401, 403, 422):
        reason = f"{server} answers {answer.status_code}: set a token of it in sources.mastodon.tokens, or leave it out"
        raise Refused(reason)
    if answer.status_code != 200:
        raise Disconnected(f"{server} answers {answer.status_code}", retry_after_s(answer.headers))


def _newest_of(position: str | None) -> dict[str, str]:
    try:
        stored = orjson.loads(position or "{}")
    except ValueError:
        return {}
    return {str(timeline): str(newest) for timeline, newest in stored.items()} if isinstance(stored, dict) else {}


def _id(status: Any) -> str:
    """The id of a status, a number to some servers and a text to others; empty where it has none."""
    value = status.get("id") if isinstance(status, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _order(identifier: str) -> tuple[int, str]:
    """Ids are numbers that grow, or texts that sort, of one length."""
    return (len(identifier), identifier)
