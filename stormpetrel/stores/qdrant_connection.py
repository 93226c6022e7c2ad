"""A Qdrant server's REST interface past the client library, which validates every hit: that takes longer than the
search.

It stands on httpx's own core: a fused query makes three requests that wait for one another, and httpx itself adds
half a millisecond to each. `HTTP_PROXY` and its like are not read.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpcore
import httpx
import orjson
from qdrant_client.http.exceptions import UnexpectedResponse

OK = 200
IDLE_S = 4.0  # a connection is kept so long: some servers close theirs after 5


class QdrantConnection:
    """Kept connections to one server, for any number of threads. `context` checks the certificate of an https URL."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float, context: ssl.SSLContext | None) -> None:
        self._url, self._headers = url.rstrip("/"), [*headers.items(), ("Content-Type", "application/json")]
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        self._pool = httpcore.ConnectionPool(context, max_connections=100, keepalive_expiry=IDLE_S)

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The `result` of the server's answer. Raises UnexpectedResponse where its status is not 200, JSONEncodeError
        where the body is no JSON, an error of httpcore where the server does not answer in time."""
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        reply = self._pool.request(
            method,
            self._url + path,
            headers=[*self._headers, ("Content-Length", str(len(content)))],
            content=content,
            extensions={"timeout": self._timeouts},
        )
        if reply.status != OK:
            reason = reply.extensions.get("reason_phrase", b"").decode(errors="replace")
            raise UnexpectedResponse(reply.status, reason, reply.content, httpx.Headers(reply.headers))
        return orjson.loads(reply.content)["result"]

    def close(self) -> None:
        self._pool.close()
