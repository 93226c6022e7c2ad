"""Heads of requests that come slowly, and bytes that are no HTTP, over a socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from api import http_reading
from api.app import server_configuration
from stormpetrel.local.stack import free_port


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(http_reading, "HEAD_WITHIN_S", 0.3)
    number = free_port()
    configuration = server_configuration(application, "127.0.0.1", number)  # type: ignore[arg-type]
    configuration.lifespan = "off"
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield number
    server.should_exit = True
    thread.join(10)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def test_a_head_that_comes_slowly_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nX-")
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert body["error"] == "request_timeout"
    assert "send it again" in body["detail"]


def test_the_second_head_of_a_connection_has_the_limit_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        first = connection.recv(65_536)
        while not first.endswith(b"ok"):
            first += connection.recv(65_536)
        connection.sendall(b"GET / HT")
        second = all_of(connection)
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 408")


def test_a_request_that_takes_longer_than_a_head_is_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n")
        received = connection.recv(65_536)
        time.sleep(0.6)
        connection.sendall(b"body")
        while not received.endswith(b"ok"):
            received += connection.recv(65_536)
    assert received.startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_refused_in_the_form_of_errors(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/json" in answer.lower()
    assert "no HTTP request" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
