"""What the test servers of networks that speak HTTP share: a handler that says little, chunks, and a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 and writes no log. Whoever is killed in the middle of a request says no good-bye."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def send_chunks(self, parts: Iterable[bytes]) -> None:
        """Sends each part as a chunk (RFC 9112, 7.1), and no last one: the connection ends in the middle."""
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], closing: threading.Event) -> Iterator[str]:
    """The address of a server on a free port; `closing` is set before it ends, so that open streams end too."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
