"""How requests are read off a connection: a head has a time limit, and what is no HTTP is refused in the API's form."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import error_answer

HEAD_WITHIN_S = 10.0  # the longest head over .2 Mbit/s
SLOW = f"the head of the request did not come within {HEAD_WITHIN_S:g} s; send it again, whole"
MALFORMED = "this is no HTTP request, or its head is too long; send HTTP/1.1 with a head of at most 256 kB"


class BoundedHead(H11Protocol):
    """uvicorn's protocol, which knows no limit for the time that a head may take. A connection on which nothing was
    sent is a head that does not come."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._head_came()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where h11 cannot read what was sent."""
        self._refuse(400, MALFORMED)

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._refuse, 408, SLOW)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # else an answer is under way, and is cut off
            answer = error_answer(status, detail, headers={"Connection": "close"})
            events: list[Any] = [
                h11.Response(status_code=status, headers=answer.raw_headers),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
