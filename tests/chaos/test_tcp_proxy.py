"""The proxy does to a connection what its weather says."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from stormpetrel.local.stack import free_port
from tests.chaos.tcp_proxy import TcpProxy, Weather


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(4096):
            self.request.sendall(chunk)


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with TcpProxy(free_port(), server.server_address[1], latency_s=0.3) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as client:
        yield client


def echo(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return client.recv(4096)


def _answer_of_a_new_connection(proxy: TcpProxy) -> bytes:
    """Raises ConnectionError where the connection is reset, at whatever moment."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as other:
        return echo(other, b"anything")


def test_in_clear_weather_every_byte_passes(client: socket.socket) -> None:
    text = bytes(range(256)) * 1000
    threading.Thread(target=client.sendall, args=(text,)).start()
    received = b""
    while len(received) < len(text):
        received += client.recv(65_536)
    assert received == text


def test_slow_weather_delays_and_loses_nothing(proxy: TcpProxy, client: socket.socket) -> None:
    assert echo(client, b"before") == b"before"
    proxy.set(Weather.SLOW)
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        echo(client, b"slow")
    client.settimeout(10)
    assert client.recv(4096) == b"slow"


def test_dropped_bytes_arrive_when_the_weather_clears(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.set(Weather.DROPPING)
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echo(client, b"held back")
    proxy.set(Weather.CLEAR)
    client.settimeout(2)
    assert client.recv(4096) == b"held back"


def test_a_half_open_connection_stays_silent_for_ever_and_new_ones_work(proxy: TcpProxy, client: socket.socket) -> None:
    assert echo(client, b"before") == b"before"
    proxy.set(Weather.HALF_OPEN)
    proxy.set(Weather.CLEAR)
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echo(client, b"lost")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as other:
        assert echo(other, b"new") == b"new"


def test_resets_reach_the_connections_that_there_are_and_new_ones(proxy: TcpProxy, client: socket.socket) -> None:
    assert echo(client, b"before") == b"before"
    proxy.set(Weather.RESETTING)
    with pytest.raises(ConnectionResetError):
        client.recv(4096)
    with pytest.raises(ConnectionError):
        _answer_of_a_new_connection(proxy)


def test_refused_connections_are_closed_at_once(proxy: TcpProxy) -> None:
    proxy.set(Weather.REFUSING)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as other:
        assert other.recv(4096) == b""


def test_errors_are_answered_as_http(proxy: TcpProxy) -> None:
    proxy.set(Weather.ANSWERING_ERRORS)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as other:
        assert echo(other, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 503 ")


def test_a_server_that_is_gone_looks_gone() -> None:
    with TcpProxy(free_port(), free_port()) as proxy, pytest.raises(ConnectionError):
        _answer_of_a_new_connection(proxy)
