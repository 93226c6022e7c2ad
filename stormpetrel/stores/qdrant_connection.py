"""A Qdrant server's REST interface past the client library, which validates every hit: that takes longer than the
search.

It stands on the standard library's client: a fused query makes three requests that wait for one another, and other
clients take three times its processor time for each. `HTTP_PROXY` and its like are not read.
"""

from __future__ import annotations

import select
import ssl
import time
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from qdrant_client.http.exceptions import UnexpectedResponse

OK = 200
IDLE_S = 4.0  # a connection is kept so long: some servers close theirs after 5


class QdrantConnection:
    """Kept connections to one server, for any number of threads. `context` checks the certificate of an https URL."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float, context: ssl.SSLContext | None) -> None:
        self._url, self._timeout_s, self._context = urlsplit(url.rstrip("/")), timeout_s, context
        self._headers = {**headers, "Content-Type": "application/json"}
        self._idle: list[tuple[HTTPConnection, float]] = []  # each with the moment since when; the newest last

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The `result` of the server's answer. Raises UnexpectedResponse where its status is not 200, JSONEncodeError
        where the body is no JSON, OSError or HTTPException where the server does not answer in time."""
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        connection = self._kept() or self._opened()
        try:
            connection.request(method, self._url.path + path, content, self._headers)
            reply = connection.getresponse()
            answer = reply.read()
        except BaseException:
            connection.close()
            raise
        if not reply.will_close:
            self._idle.append((connection, time.monotonic()))
        if reply.status != OK:
            raise UnexpectedResponse(reply.status, reply.reason, answer, httpx.Headers(reply.getheaders()))
        return orjson.loads(answer)["result"]

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def _opened(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._timeout_s, context=self._context)
        return HTTPConnection(host, port, timeout=self._timeout_s)

    def _kept(self) -> HTTPConnection | None:
        """The connection that was used last, where it is young and the server has not closed it."""
        while self._idle:
            try:
                connection, since = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if time.monotonic() - since < IDLE_S and not _is_readable(connection):
                return connection
            connection.close()
        return None


def _is_readable(connection: HTTPConnection) -> bool:
    """Whether something came in unasked: the end of the connection."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
