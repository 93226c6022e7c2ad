"""The HTTP probes of every process: /healthz (it is alive), /readyz (it can work), /metrics."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


class Readiness:
    """Whether a process can do its work. `waiting_for` says what it waits for; None once it is ready."""

    def __init__(self, waiting_for: str) -> None:
        self.waiting_for: str | None = waiting_for
        self.stalled: str | None = None  # what has not moved, though there is work; /healthz fails meanwhile
        self._beat = time.monotonic()
        self._patience_s: float | None = None

    def ready(self) -> None:
        self.waiting_for = None

    def waits_for(self, what: str) -> None:
        self.waiting_for = what

    def beat(self, patience_s: float = 60.0) -> None:
        """The main loop is alive. If it does not beat again within `patience_s`, /healthz fails.

        Kafka consumers have been seen to hang after a rebalance; a hanging process must not look healthy.
        """
        self._beat, self._patience_s = time.monotonic(), patience_s

    def silent_for(self) -> float | None:
        """Seconds since the last beat, where they exceed its `patience_s`; else None."""
        silence = time.monotonic() - self._beat
        return silence if self._patience_s is not None and silence > self._patience_s else None


def serve_probes(port: int, readiness: Readiness, host: str) -> ThreadingHTTPServer:
    """Serves the three paths from a thread of its own until the process ends. Port 0 chooses a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif path == "/healthz":
                silence = readiness.silent_for()
                problem = readiness.stalled if silence is None else f"silent for {silence:.0f} s"
                self._answer(503 if problem else 200, orjson.dumps({"status": problem or "ok"}), "application/json")
            elif path == "/readyz":
                waiting_for = readiness.waiting_for
                state = {"status": "ready"} if waiting_for is None else {"status": "waiting", "for": waiting_for}
                self._answer(200 if waiting_for is None else 503, orjson.dumps(state), "application/json")
            else:
                self._answer(404, b'{"status":"unknown address"}', "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds and are not logged."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server
