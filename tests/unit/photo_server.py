"""A web server of photos on this machine, some of which lie about their size, come slowly, or lead elsewhere."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from stormpetrel.demo.pictures import Scene, picture

BLOCK = b"\xff" * 65_536


def photo_bytes(scene: Scene = "flood", seed: int = 1, form: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(scene, seed)).save(buffer, form, **options)
    return buffer.getvalue()


class PhotoServer(ThreadingHTTPServer):
    """`files` are served by path, `redirects` lead from a path to an address, `failing` answers a path with a status.
    `requests` are the paths that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.failing: dict[str, int] = {}
        self.types: dict[str, str] = {}
        self.requests: list[str] = []
        self.sent = 0  # bytes of bodies without an end
        super().__init__(("127.0.0.1", 0), _Answers)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"


class _Answers(BaseHTTPRequestHandler):
    server: PhotoServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        with suppress(OSError):  # whoever asked has heard enough
            self._answer()

    def _answer(self) -> None:
        if status := self.server.failing.get(self.path):
            self._head(status, {"Content-Length": "0"})
        elif target := self.server.redirects.get(self.path):
            self._head(302, {"Location": target, "Content-Length": "0"})
        elif self.path == "/liar":  # says 10 kB, and sends 100 MB
            self._head(200, {"Content-Length": "10000", "Content-Type": "image/jpeg"})
            self._send_much()
        elif self.path == "/endless":
            self._head(200, {"Content-Type": "image/jpeg", "Connection": "close"})
            self._send_much()
        elif self.path == "/stated":
            self._head(200, {"Content-Length": "100000000"})
            self._send_much()
        elif self.path == "/slow":
            self._head(200, {"Content-Length": "1000"})
            for _ in range(1000):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        elif (content := self.server.files.get(self.path)) is None:
            self._head(404, {"Content-Length": "0"})
        else:
            kind = self.server.types.get(self.path, "image/jpeg")
            self._head(200, {"Content-Length": str(len(content)), "Content-Type": kind})
            self.wfile.write(content)

    def _send_much(self) -> None:
        for _ in range(100_000_000 // len(BLOCK)):
            self.wfile.write(BLOCK)
            self.server.sent += len(BLOCK)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def photo_server() -> Iterator[PhotoServer]:
    server = PhotoServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
