"""X's API v2: the filtered stream with back-fill and keep-alives, its rules, the recent search with pages, and the
compliance streams; and closings, half lines, stalls, refusals and last words."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.source_servers.http_server import QuietHandler, serving

EPOCH_MS = 1_288_834_974_657
TOKEN = "a-token-of-the-test"
LAST_WORD = {
    "errors": [
        {
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": "https://api.twitter.com/2/problems/operational-disconnect",
        }
    ]
}


def number_of(number: int, started: datetime) -> int:
    """The id of a post: posts are ten milliseconds apart."""
    return (round(started.timestamp() * 1000) + 10 * number - EPOCH_MS) << 22


def post(number: int, started: datetime) -> dict[str, Any]:
    """A post with its author, place and photo, as the documentation's own example is."""
    return {
        "data": {
            "id": str(number_of(number, started)),
            "author_id": str(number % 7),
            "text": f"The flood has reached street {number}",
            "created_at": (started + timedelta(milliseconds=10 * number)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "lang": "en",
            "geo": {"place_id": "a0583a9994e6bf1b"},
            "attachments": {"media_keys": ["3_1"]},
        },
        "includes": {
            "users": [{"id": str(number % 7), "location": "Genova"}],
            "places": [{"id": "a0583a9994e6bf1b", "full_name": "Genova", "geo": {"bbox": [8.6, 44.3, 9.1, 44.5]}}],
            "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.example.invalid/1.jpg"}],
        },
        "matching_rules": [{"id": "1", "tag": "floods"}],
    }


@dataclass
class XServer:
    """`posts` are streamed as they are added; a connection brings those that were added after it opened, and with
    `backfill_minutes` those before. `scenes` are how the next connections behave, each after `lines` posts: `close`,
    `half`, `last word`, `stall`. `refusals` are statuses of the next streams."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    deletions: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)
    lines: int = 5
    refusals: list[int] = field(default_factory=list)
    search_refusals: list[int] = field(default_factory=list)
    reset_in_s: int = 0
    page: int = 10
    asked: list[tuple[str, str, dict[str, list[str]], Any]] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)
    open_streams: int = 0
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def add(self, number: int) -> None:
        """Somebody writes this post."""
        self.posts.append(post(number, self.started))

    def post_id(self, number: int) -> str:
        """The id that the post has with us."""
        return f"x:{number_of(number, self.started)}"

    def stream(self, events: list[dict[str, Any]], sent: int) -> Iterator[bytes]:
        """Lines from there on, and keep-alives while there is none."""
        scene = self.scenes.pop(0) if self.scenes else ""
        came, heard = 0, time.monotonic()
        while not self.closing.is_set():
            while sent < len(events):
                line = json.dumps(events[sent]).encode() + b"\r\n"
                came += 1
                if scene and came > self.lines:
                    yield from self._ended(scene, line)
                    return
                yield line
                sent += 1
            if time.monotonic() - heard > 0.05:
                yield b"\r\n"
                heard = time.monotonic()
            time.sleep(0.005)

    def _ended(self, scene: str, line: bytes) -> Iterator[bytes]:
        match scene:
            case "half":
                yield line[: len(line) // 2]
            case "last word":
                yield json.dumps(LAST_WORD).encode() + b"\r\n"
            case "stall":
                self.closing.wait(20)

    def search(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The newest first, page by page."""
        since = int(query["since_id"][0])
        found = [one for one in self.posts if int(one["data"]["id"]) > since][::-1]
        start = int(query.get("next_token", ["0"])[0])
        page = found[start : start + self.page]
        more = {"next_token": str(start + self.page)} if start + self.page < len(found) else {}
        includes = page[0]["includes"] if page else {}
        return {"data": [one["data"] for one in page], "includes": includes, "meta": {"result_count": len(page)} | more}

    def change_rules(self, body: dict[str, Any], query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """As X: a rule that it cannot read is an error of its own, and so is one that stands there already."""
        faulty = [rule for rule in body.get("add", []) if rule["value"].startswith("(")]
        if faulty:
            details = ["no viable alternative at input '('"]
            return 400, {
                "errors": [{"value": rule["value"], "details": details, "title": "Invalid Rule"} for rule in faulty]
            }
        if query.get("dry_run", ["false"])[0].lower() == "true":
            return 200, {"data": body.get("add", []), "meta": {"summary": {"valid": len(body.get("add", []))}}}
        self.changes.append(body)
        gone = {str(identifier) for identifier in body.get("delete", {}).get("ids", [])}
        self.rules = [rule for rule in self.rules if rule["id"] not in gone]
        for rule in body.get("add", []):
            self.rules.append({"id": str(1000 + len(self.changes)), **rule})
        return 201, {"data": self.rules, "meta": {}}


@contextmanager
def running(x: XServer) -> Iterator[XServer]:
    """Serves it on a free port."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            path, query = self._note(None)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, {"title": "Unauthorized", "detail": "Unauthorized", "status": 401})
            elif path == "/2/tweets/search/stream/rules":
                self._answer(200, {"data": x.rules, "meta": {}} if x.rules else {"meta": {}})
            elif path == "/2/tweets/search/recent":
                self._answer(x.search_refusals.pop(0), {}) if x.search_refusals else self._answer(200, x.search(query))
            elif x.refusals:
                self._answer(x.refusals.pop(0), {"title": "not now"})
            else:
                self._stream(x.posts if path == "/2/tweets/search/stream" else x.deletions, query)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            _, query = self._note(body)
            self._answer(*x.change_rules(body, query))

        def _note(self, body: Any) -> tuple[str, dict[str, list[str]]]:
            address = urlsplit(self.path)
            query = parse_qs(address.query)
            x.asked.append((self.command, address.path, query, body))
            return address.path, query

        def _answer(self, code: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if code == 429:
                self.send_header("x-rate-limit-reset", str(int(time.time()) + x.reset_in_s))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, events: list[dict[str, Any]], query: dict[str, list[str]]) -> None:
            start = 0 if "backfill_minutes" in query else len(events)  # whoever sees the stream open may add to it
            x.open_streams += 1
            try:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.send_chunks(x.stream(events, start))
                self.wfile.flush()
            except OSError:
                pass
            finally:
                x.open_streams -= 1
            self.close_connection = True

    with serving(Handler, x.closing) as x.url:
        yield x


def asked_for(x: XServer, path: str) -> Sequence[dict[str, list[str]]]:
    """The queries of the requests for a path."""
    return [query for _, asked, query, _ in x.asked if asked == path]
