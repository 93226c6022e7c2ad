"""Connections that lead to public addresses alone, and end in time.

A host's name is resolved here, once, every address is looked at, and the connection goes to one of these addresses: the
name may resolve to something else the next time (DNS rebinding). TLS still checks the certificate of the name. A
redirect is never followed, so none leads inwards.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from stormpetrel.core.addresses import is_public, names_host
from stormpetrel.core.errors import HostRefused, HostUnreachable

Resolve = Any  # socket.getaddrinfo, or a test's


class Deadline:
    """A moment by which everything has to be done, however slowly the other side speaks."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left(self, at_most: float | None) -> float:
        """The seconds that one step may take. Raises httpcore.ReadTimeout where none are left."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the other side takes too long")
        return left if at_most is None else min(left, at_most)


class TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends by the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to public addresses, and to the hosts of `private_hosts` wherever they are; `setting` names what lists
    them."""

    def __init__(
        self, private_hosts: Iterable[str], deadline: Deadline, setting: str, resolve: Resolve = socket.getaddrinfo
    ) -> None:
        self._private_hosts, self._deadline, self._resolve = tuple(private_hosts), deadline, resolve
        self._setting = setting
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception | None = None
        for address in self.addresses(host, port):
            try:
                stream = self._backend.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
                return TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise HostUnreachable(f"{host}:{port} does not answer: {problem}")

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to. Raises HostRefused where one of them is not public,
        HostUnreachable where there is none."""
        try:
            entries = self._resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise HostUnreachable(f"{host} has no address: {error}") from error
        addresses = [str(entry[4][0]) for entry in entries]
        if names_host(self._private_hosts, host, port):
            return addresses
        for address in addresses:
            if not is_public(address):
                raise HostRefused(
                    f"{host} resolves to {address}, which is not public; if it is a server of yours, add {host}:{port} "
                    f"to {self._setting}"
                )
        return addresses

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
