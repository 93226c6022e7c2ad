"""Refuses bodies over a limit with 413, whether they tell their length or come in chunks."""

from __future__ import annotations

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: reads a body whole, at most `most` bytes of it, before the application sees it."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._body(receive)
        if body is None:
            problem = {"error": "too_large", "detail": f"the body is too large; send at most {self._most} bytes"}
            await JSONResponse(problem, 413)(scope, receive, send)
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, replayed, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The body; None where it is longer than the limit. Its length header is not believed."""
        parts: list[bytes] = []
        left = self._most
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            left -= len(parts[-1])
            if left < 0:
                return None
            if not message.get("more_body"):
                return b"".join(parts)
