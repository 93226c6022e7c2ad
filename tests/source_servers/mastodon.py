"""A Mastodon server: timelines of hashtags with `min_id`, and the streaming API with heartbeats, breaks and stalls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.source_servers.http_server import QuietHandler, serving

FIRST_ID = 10_000


def status(number: int, **more: Any) -> dict[str, Any]:
    """A status as the server sends it."""
    account = {"id": str(number % 7), "acct": "someone"}
    return {
        "id": str(FIRST_ID + number),
        "created_at": "2026-09-21T14:13:20.000Z",
        "content": f"<p>The flood has reached street {number}</p>",
        "uri": f"https://social.example/statuses/{number}",
        "language": "en",
        "edited_at": None,
        "account": account,
        "media_attachments": [],
    } | more


class MastodonServer:
    """`statuses` stand on every hashtag's timeline. A stream sends those that are added while it is open. It breaks in
    the middle of a line after each `breaks_every` events, where that is set, and once at each status of `breaks_at`."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.token: str | None = None
        self.refusals: list[int] = []
        self.breaks_every, self.breaks = 0, 0
        self.breaks_at: set[int] = set()
        self.stalls = 0
        self.closing = threading.Event()
        self.asked: list[str] = []
        self.url = ""

    def timeline(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """As Mastodon pages: with `min_id` the oldest after it, else the newest; the newest first."""
        limit = int(query["limit"][0])
        if "min_id" not in query:
            return self.statuses[-limit:][::-1]
        return [one for one in self.statuses if int(one["id"]) > int(query["min_id"][0])][:limit][::-1]

    def stream(self) -> Iterator[bytes]:
        """Events from now on, with heartbeats, and repeats now and then."""
        sent, deleted, last = len(self.statuses), len(self.deleted), time.monotonic()
        count = 0
        while not self.closing.is_set():
            if self.stalls:
                self.stalls -= 1
                self.closing.wait(3)
                return
            while sent < len(self.statuses):
                event = f"event: update\ndata: {json.dumps(self.statuses[sent])}\n\n".encode()
                count += 1
                if self.breaks_here(sent) or (self.breaks_every and count % self.breaks_every == 0):
                    self.breaks += 1
                    yield event[: len(event) // 2]
                    return
                yield event
                if count % 5 == 0:
                    yield event
                sent += 1
            for identifier in self.deleted[deleted:]:
                yield f"event: delete\ndata: {identifier}\n\n".encode()
            deleted = len(self.deleted)
            if time.monotonic() - last > 0.1:
                yield b":thump\n"
                last = time.monotonic()
            time.sleep(0.005)

    def breaks_here(self, number: int) -> bool:
        """Once at each place, or at the next status where it was passed while nobody listened."""
        passed = {place for place in self.breaks_at if place <= number}
        if passed:
            self.breaks_at.discard(min(passed))
        return bool(passed)


@contextmanager
def running(mastodon: MastodonServer) -> Iterator[MastodonServer]:
    """Serves it on a free port."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            mastodon.asked.append(self.path)
            is_stream = address.path.startswith("/api/v1/streaming")
            if mastodon.refusals:
                self._answer(mastodon.refusals.pop(0), {"error": "not now"})
            elif is_stream and self.headers.get("Authorization") != f"Bearer {mastodon.token}":
                self._answer(401, {"error": "The access token is invalid"})
            elif is_stream:
                self._stream()
            else:
                page = mastodon.timeline(parse_qs(address.query))
                is_broken = bool(mastodon.breaks_at and page) and mastodon.breaks_here(int(page[0]["id"]) - FIRST_ID)
                self._answer(200, page, is_broken)

        def _answer(self, code: int, value: Any, is_broken: bool = False) -> None:
            """With `is_broken` the connection breaks in the middle of the body."""
            body = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if is_broken else body)
            self.close_connection = is_broken
            mastodon.breaks += is_broken

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with suppress(OSError):
                self.send_chunks(mastodon.stream())
            self.close_connection = True

    with serving(Handler, mastodon.closing) as mastodon.url:
        yield mastodon
