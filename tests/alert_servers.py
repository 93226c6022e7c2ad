"""Servers of the outside world that alerts are sent to: a webhook that keeps what it is sent, and a mail catcher."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class Hook:
    """A webhook's server: what it was sent, what of that it took, and how it answers."""

    def __init__(self, status: int = 204, location: str | None = None, pause_s: float = 0) -> None:
        self.status, self.requests = status, list[tuple[dict[str, str], bytes]]()
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.taken_at: list[float] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {name.lower(): value for name, value in self.headers.items()}, body
                hook.requests.append(request)
                time.sleep(pause_s)
                status = hook.status
                if status < 300:
                    hook.taken.append(request)
                    hook.taken_at.append(time.time())
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@contextmanager
def hook(status: int = 204, location: str | None = None, pause_s: float = 0) -> Iterator[Hook]:
    served = Hook(status, location, pause_s)
    threading.Thread(target=served.server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        served.server.shutdown()


class Mailbox:
    """The handler of a mail server."""

    def __init__(self, refuses: str = "") -> None:
        self.mails: list[Message] = []
        self.recipients: list[str] = []
        self._refuses = refuses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address == self._refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
