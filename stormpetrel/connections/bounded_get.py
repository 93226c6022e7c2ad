"""Downloads of small files from addresses that strangers name, within a size and a time.

Each redirect is looked at as the first address was. A length that the server states is believed only where it is too
large: the bytes are counted as they come.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpcore

from stormpetrel.connections.checked_connections import CheckedBackend, Deadline, Resolve
from stormpetrel.core.addresses import WEB_PORTS, names_host
from stormpetrel.core.errors import DownloadFailed, DownloadRefused, HostRefused, HostUnreachable

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({400, 401, 402, 403, 405, 406, 410, 414, 451})  # asked again, the server would say the same
HEADERS = [("User-Agent", "stormpetrel"), ("Accept-Encoding", "identity")]


@dataclass(frozen=True)
class AllowedHosts:
    """`hosts` are asked over HTTPS at public addresses; `*.example.org` stands for all names below, `*` for every host.
    `private_hosts` (host or host:port) are servers of the operator's own: wherever they are, over HTTP too. `setting`
    is the name of the settings that list them."""

    hosts: tuple[str, ...]
    private_hosts: tuple[str, ...]
    setting: str

    def check(self, url: str) -> None:
        """Raises DownloadRefused where nothing may be asked of this address."""
        try:
            parts = urlsplit(url)
            host, port = str(parts.hostname or ""), parts.port or WEB_PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise DownloadRefused(f"its address is none: {error}") from error
        if parts.scheme not in WEB_PORTS or not host:
            raise DownloadRefused(f"its address begins with {parts.scheme[:20]!r}; give one that begins with https://")
        if names_host(self.private_hosts, host, port):
            return
        if parts.scheme != "https":
            raise DownloadRefused(f"{host} would be asked in the clear; give an https:// address")
        if not names_host(self.hosts, host, port):
            raise DownloadRefused(f"{host} is not among the hosts that may be asked; add it to {self.setting}.hosts")


@dataclass(frozen=True)
class Download:
    """What came: the bytes, and the type that the server states (without parameters, in small letters)."""

    content: bytes
    media_type: str


class BoundedGet:
    """Fetches at most `largest` bytes from an address, within `within_s` seconds in all. Any thread may call it."""

    def __init__(
        self, allowed: AllowedHosts, largest: int, within_s: float, resolve: Resolve = socket.getaddrinfo
    ) -> None:
        self._allowed, self._largest, self._within_s, self._resolve = allowed, largest, within_s, resolve
        self._tls = ssl.create_default_context()

    def __call__(self, url: str) -> Download:
        """Raises DownloadRefused where it can never come, DownloadFailed where it may come another time."""
        deadline = Deadline(self._within_s)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                self._allowed.check(url)
                reply = self._ask(url, deadline)
                if isinstance(reply, Download):
                    return reply
                url = reply
        except HostRefused as error:
            raise DownloadRefused(str(error)) from error
        except HostUnreachable as error:
            raise DownloadFailed(str(error)) from error
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise DownloadFailed(f"it did not come within {self._within_s:g} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise DownloadFailed(f"the transfer broke off: {error}") from error
        except (UnicodeError, ValueError, httpcore.UnsupportedProtocol) as error:
            raise DownloadRefused(f"its address is none: {error}") from error
        raise DownloadRefused(f"it comes after more than {MOST_REDIRECTS} redirects; give its own address")

    def _ask(self, url: str, deadline: Deadline) -> Download | str:
        """What came, or where it is instead. A connection serves one request: the next one resolves the name anew."""
        backend = CheckedBackend(
            self._allowed.private_hosts, deadline, f"{self._allowed.setting}.private_hosts", self._resolve
        )
        steps = dict.fromkeys(("connect", "read", "write", "pool"), self._within_s)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
            pool.stream("GET", url, headers=HEADERS, extensions={"timeout": steps}) as answer,
        ):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            if answer.status in REDIRECTS and "location" in headers:
                return urljoin(url, headers["location"])
            _check_status(answer.status)
            self._check_size(_stated_length(headers))
            parts, size = [], 0
            for part in answer.iter_stream():
                size += len(part)
                self._check_size(size)
                parts.append(part)
        return Download(b"".join(parts), headers.get("content-type", "").split(";")[0].strip().lower())

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise DownloadRefused(f"it has more than {self._largest:,} bytes; a smaller one would be taken")


def _check_status(status: int) -> None:
    if status == 200:
        return
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    if status in GONE:
        raise DownloadRefused(f"the server answers {status} {phrase}".rstrip())
    # 404 too: a network may show a post before its photos are on all of its servers.
    raise DownloadFailed(f"the server answers {status} {phrase}".rstrip())


def _stated_length(headers: Mapping[str, str]) -> int:
    stated = headers.get("content-length", "")
    return int(stated) if stated.isdecimal() else 0
