"""Messages to one listener: by server-sent events or WebSocket, until it goes or is known no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import orjson
import structlog
from fastapi import HTTPException, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from api.errors import error_answer
from api.listening import QUIET_S, Listeners
from stormpetrel.access.access import Access
from stormpetrel.access.principals import Principal, Refused
from stormpetrel.core.errors import BadQuery, NotFound, StormpetrelError
from stormpetrel.search.saved_search_feed import Message

log = structlog.get_logger()
SEND_WITHIN_S = 30.0  # a client that takes nothing for so long is gone, whatever its connection says
STOP_GRACE_S = 2.0  # a stream ends by itself within a poll when the process stops; then it is cut


class MessageStream(EventSourceResponse):
    """Server-sent events of one listener; 503 where all places are taken."""

    def __init__(self, listeners: Listeners, messages: AsyncGenerator[Message]) -> None:
        super().__init__(
            _server_sent(messages), ping=QUIET_S, send_timeout=SEND_WITHIN_S, shutdown_grace_period=STOP_GRACE_S
        )
        self._listeners, self._messages = listeners, messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._listeners.place():
                await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("a listener takes nothing any more: its stream ends")
        except HTTPException as refusal:
            await error_answer(refusal.status_code, refusal.detail)(scope, receive, send)
        finally:
            await self._messages.aclose()


async def _server_sent(messages: AsyncIterator[Message]) -> AsyncIterator[ServerSentEvent]:
    try:
        async for message in messages:
            if message.event != "quiet":  # the response sends pings of its own
                yield ServerSentEvent(orjson.dumps(message.data).decode(), event=message.event, id=message.id)
    except StormpetrelError as error:
        yield ServerSentEvent(orjson.dumps({"reason": str(error)}).decode(), event="failed")


async def serve_socket(
    socket: WebSocket,
    listeners: Listeners,
    who: Principal,
    begin: Callable[[], Coroutine[Any, Any, AsyncGenerator[Message]]],
) -> None:
    """Tells one listener over WebSocket, until it goes or is known no more. `begin` gives its messages, once it has a
    place; what it raises is told before the socket closes."""
    await socket.accept()
    try:
        with listeners.place():
            async with aclosing(while_known(socket.app.state.access, who, await begin())) as messages:
                await _send_until_gone(socket, messages)
            await socket.close()
    except (NotFound, BadQuery, Refused, HTTPException) as error:
        await socket.send_json({"event": "refused", "data": {"reason": str(error)}})
        await socket.close(1008)
    except (WebSocketDisconnect, RuntimeError):
        return  # the client went; it comes back with the last id that it has
    except StormpetrelError as error:
        await socket.close(1011, str(error)[:100])


async def _send_until_gone(socket: WebSocket, messages: AsyncIterator[Message]) -> None:
    """Also hears the client go while there is nothing to send, so that its place is free at once."""

    async def send() -> None:
        async for message in messages:
            await socket.send_text(orjson.dumps(message).decode())

    async def hear() -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
        raise WebSocketDisconnect

    tasks = [asyncio.create_task(send()), asyncio.create_task(hear())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def while_known(access: Access, who: Principal, messages: AsyncGenerator[Message]) -> AsyncGenerator[Message]:
    """The messages, until whoever hears them is known no more: a listener gets one every QUIET_S at the latest. Raises
    Refused then."""
    async with aclosing(messages):
        async for message in messages:
            if not access.still_knows(who):
                raise Refused("the API key that this was asked with was revoked, or one is needed by now")
            yield message
