"""Refuses bodies over a limit with 413, whether they declare their length or come in chunks."""

from __future__ import annotations

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: reads a whole body of at most `max_bytes` before the application sees it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._body(receive)
        if body is None:
            problem = {"error": "too_large", "detail": f"the body is too large; send at most {self._max_bytes} bytes"}
            await JSONResponse(problem, 413)(scope, receive, send)
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
