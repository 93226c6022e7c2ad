"""A Jetstream on this machine: events over a WebSocket in Bluesky's own form, from a cursor on, and then as they come.

It is what `make demo` lets the real client read. See `tests/source_servers` for one that misbehaves.
"""

from __future__ import annotations

import bisect
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

LOOK_EVERY_S = 0.02


class LocalJetstream:
    """Events in the order of their `time_us`. Without a cursor a connection gets all: nothing here is older than the
    demo. `url` is its address while it is served."""

    def __init__(self) -> None:
        self.url = ""
        self._events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._closing = False

    def add(self, event: dict[str, Any]) -> None:
        """The network tells of an event. It must not be older than the last one."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    @contextmanager
    def served(self) -> Iterator[LocalJetstream]:
        """Serves it on a free port of this machine alone."""
        with serve(self._handle, "127.0.0.1", 0, compression=None) as server:
            self.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
            threading.Thread(target=server.serve_forever, name="jetstream", daemon=True).start()
            try:
                yield self
            finally:
                with self._changed:
                    self._closing = True
                    self._changed.notify_all()
                server.shutdown()

    def _handle(self, connection: ServerConnection) -> None:
        query = parse_qs(urlsplit(connection.request.path if connection.request else "").query)
        cursor = int(query["cursor"][0]) if "cursor" in query else 0
        sent = bisect.bisect_left(self._events, cursor, key=lambda event: int(event["time_us"]))
        try:
            while not self._closing:
                with self._changed:
                    if len(self._events) == sent and not self._closing:
                        self._changed.wait(LOOK_EVERY_S)
                    fresh = self._events[sent:]
                for event in fresh:
                    connection.send(json.dumps(event, ensure_ascii=False))
                sent += len(fresh)
        except (ConnectionClosed, OSError):
            return
