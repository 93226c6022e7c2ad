"""A Jetstream: WebSocket, `cursor`, zstd frames by a dictionary; and drops, stalls, half frames, repeats, disorder,
refusals."""

from __future__ import annotations

import bisect
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

FIRST_US = 1_790_000_000_000_000
STEP_US = 1000


def commit(number: int, text: str | None = None, operation: str = "create") -> dict[str, Any]:
    """An event as Jetstream sends it."""
    event: dict[str, Any] = {
        "did": f"did:plc:{number % 997:024d}",
        "time_us": FIRST_US + number * STEP_US,
        "kind": "commit",
        "commit": {
            "rev": f"3l{number:011d}",
            "operation": operation,
            "collection": "app.bsky.feed.post",
            "rkey": f"3k{number:011d}",
        },
    }
    if operation != "delete":
        record = {
            "$type": "app.bsky.feed.post",
            "createdAt": "2026-09-21T14:13:20.000Z",
            "langs": ["en"],
            "text": text or f"The flood has reached street {number}",
        }
        event["commit"] |= {"record": record, "cid": f"bafyrei{number:052d}"}
    return event


def post_id(number: int) -> str:
    """The id that the post of `commit(number)` has with us."""
    return f"bsky:did:plc:{number % 997:024d}/3k{number:011d}"


@dataclass
class Jetstream:
    """`events` in the order of their time. `misbehave` is asked before each frame: it may return `drop`, `half`,
    `stall` or `repeat`. `refusals` are statuses of the next requests. `forgotten` events are gone."""

    events: Sequence[dict[str, Any]]
    misbehave: Callable[[], str | None] = lambda: None
    refusals: list[int] = field(default_factory=list)
    dictionary: bytes | None = None
    forgotten: int = 0
    disorder: int = 0
    live_from: int = 0
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    disconnects: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        if not self.refusals:
            return None
        response = connection.respond(HTTPStatus(self.refusals.pop(0)), "not now\n")
        response.headers["Retry-After"] = "0"
        return response

    def handle(self, connection: ServerConnection) -> None:
        query = parse_qs(urlsplit(connection.request.path if connection.request else "").query)
        self.asked.append(query)
        compress = self._compressor() if query["compress"] == ["true"] else None
        times = [event["time_us"] for event in self.events]
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        start = self.live_from if cursor is None else bisect.bisect_left(times, cursor)
        try:
            for event in self._in_order(max(start, self.forgotten)):
                frame = json.dumps(event)
                if not self._send(connection, compress(frame.encode()) if compress else frame):
                    self.disconnects += 1
                    return
            while not self.closing.wait(0.02):
                connection.ping()
                if connection.state.name != "OPEN":
                    return
        except (ConnectionClosed, OSError):
            return

    def _in_order(self, start: int) -> Iterator[dict[str, Any]]:
        """From `start` on; with `disorder`, neighbours so far apart change places."""
        part = list(self.events[start:])
        if self.disorder:
            draw = random.Random(start)
            places = [(index + draw.uniform(0, self.disorder), event) for index, event in enumerate(part)]
            part = [event for _, event in sorted(places, key=lambda pair: pair[0])]
        return iter(part)

    def _send(self, connection: ServerConnection, frame: str | bytes) -> bool:
        match self.misbehave():
            case "drop":
                connection.socket.shutdown(2)
                return False
            case "half":
                connection.socket.sendall(b"\x81\x7e\x03\xe8" + b'{"did":"did:plc:half')  # 1000 bytes are announced
                connection.socket.shutdown(2)
                return False
            case "stall":
                self.closing.wait(5)
                return False
            case "repeat":
                connection.send(frame)
        connection.send(frame)
        return True

    def _compressor(self) -> Callable[[bytes], bytes]:
        from backports import zstd

        dictionary = zstd.ZstdDict(self.dictionary or b"")
        return lambda raw: zstd.compress(raw, zstd_dict=dictionary)


@contextmanager
def running(jetstream: Jetstream) -> Iterator[Jetstream]:
    """Serves it on a free port; `url` is its address."""
    with serve(jetstream.handle, "127.0.0.1", 0, process_request=jetstream.refuse, compression=None) as server:
        jetstream.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield jetstream
        finally:
            jetstream.closing.set()
            time.sleep(0.05)
            server.shutdown()


def at_random(seed: int, every: int, kinds: Sequence[str]) -> Callable[[], str | None]:
    """Misbehaves about once in `every` frames."""
    draw = random.Random(seed)
    return lambda: draw.choice(kinds) if draw.random() < 1 / every else None
