"""Refuses bodies that are too large (413) or too slow (408), whether they declare their length or come in chunks."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_answer

CLOSE = {"Connection": "close"}  # the rest of such a body is not read


class BodyLimit:
    """ASGI middleware: reads a whole body of at most `max_bytes` within `within_s` before the application sees it."""

    def __init__(self, app: ASGIApp, max_bytes: int, within_s: float) -> None:
        self._app, self._max_bytes, self._within_s = app, max_bytes, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._within_s):
                body = await self._body(receive)
        except TimeoutError:
            answer = error_answer(408, f"the body did not come within {self._within_s:g} s", headers=CLOSE)
            await answer(scope, receive, send)
            return
        if body is None:
            detail = f"the body is too large; send at most {self._max_bytes} bytes"
            await error_answer(413, detail, "too_large", CLOSE)(scope, receive, send)
            return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, receive_body, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The body; None where it is over the limit. Its length header is not trusted."""
        body, is_whole = bytearray(), False
        while not is_whole:
            message = await receive()
            body += message.get("body", b"")  # a client that goes sends none
            if len(body) > self._max_bytes:
                return None
            is_whole = not message.get("more_body")
        return bytes(body)
