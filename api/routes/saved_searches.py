"""Saved searches: POST /v1/saved-searches, then listen by SSE or WebSocket to the posts that match as they arrive.

Posts are matched by the worker, and every API process follows the topic of matches. Where patches are searched too, a
match is a place and day that a new product or post has ranked anew.

A saved search is an event on a compacted topic: it outlives the process, and every API process has it. The listener
itself keeps what it has heard: the id of each message is that of the last match up to which it is complete.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self

import orjson
import structlog
from fastapi import APIRouter, Header, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.dependencies import Search, SearchDependency
from api.errors import content, error_answer
from api.listening import QUIET_S, Listeners
from api.security import WhoDependency
from stormpetrel.access.access import Access
from stormpetrel.access.principals import Principal, Refused
from stormpetrel.core.errors import BadQuery, NotFound, StormpetrelError
from stormpetrel.core.events import Key, SavedQuery, SavedSearch
from stormpetrel.search.percolator.compiled_search import saved_query
from stormpetrel.search.relevance import MIN_RELEVANCE
from stormpetrel.search.request import SavedSearchRequest, SearchRequest
from stormpetrel.search.saved_search_feed import Message
from stormpetrel.search.searcher import Searcher

log = structlog.get_logger()
router = APIRouter(prefix="/v1/saved-searches", tags=["saved_searches"])
MESSAGE_ID = "^[0-9a-f]{0,32}$"
SEND_WITHIN_S = 30.0  # a client that takes nothing for so long is gone, whatever its connection says
STOP_GRACE_S = 2.0  # a stream ends by itself within a poll when the process stops; then it is cut


class SavedSearchResponse(BaseModel):
    """A saved search, and where to listen to it."""

    saved_search_id: str
    created_at: datetime
    request: dict[str, Any]
    min_relevance: float | None = Field(description="Of posts: the lowest relevance that matches")
    window_s: float | None = Field(
        description="Of posts: the seconds that a match is ranked against; six hours if null"
    )
    within: int | None = Field(description="Of patches: how many of the first places and days match")
    events: str = Field(description="Server-sent events")
    websocket: str

    @classmethod
    def of(cls, search: SavedSearch) -> Self:
        address = f"/v1/saved-searches/{search.saved_search_id}"
        fields = search.model_dump(exclude={"schema_version", "query"})
        if not SearchRequest.model_validate(search.request).searches_patches:
            stated = search.min_relevance
            fields |= {"within": None, "min_relevance": MIN_RELEVANCE if stated is None else stated}
        return cls(**fields, events=f"{address}/events", websocket=f"{address}/ws")


@router.post("", status_code=201)
def create(request: SavedSearchRequest, search: SearchDependency) -> SavedSearchResponse:
    """Saves the search; listen at the addresses of the answer. A new post matches by its own relevance, whatever older
    posts there are; where relevance is not known for the text model, its text needs a cosine of .35."""
    search.searcher.check(request)
    return SavedSearchResponse.of(search.saved_searches.create(request, partial(_query, search.searcher)))


def _query(searcher: Searcher, request: SearchRequest) -> SavedQuery | None:
    built = searcher.builder.build(request)
    return None if request.searches_patches else saved_query(request, built.query, searcher.encoder.version("text"))


@router.get("")
def list_all(search: SearchDependency) -> list[SavedSearchResponse]:
    """All saved searches, the oldest first."""
    return [SavedSearchResponse.of(saved_search) for saved_search in search.saved_searches.all()]


@router.get("/{saved_search_id}")
def get(saved_search_id: Key, search: SearchDependency) -> SavedSearchResponse:
    """One saved search."""
    return SavedSearchResponse.of(search.saved_searches.get(saved_search_id))


@router.delete("/{saved_search_id}", status_code=204)
def delete(saved_search_id: Key, search: SearchDependency) -> None:
    """Deletes a saved search; its listeners get the event `deleted`."""
    search.saved_searches.delete(saved_search_id)


class MatchStream(EventSourceResponse):
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


@router.get("/{saved_search_id}/events", response_class=EventSourceResponse, responses=content("text/event-stream"))
async def events(
    saved_search_id: Key,
    search: SearchDependency,
    request: Request,
    who: WhoDependency,
    since: Annotated[str, Query(pattern=MESSAGE_ID)] = "",
    last_event_id: Annotated[str, Header(pattern=MESSAGE_ID)] = "",
) -> MatchStream:
    """Server-sent events: `match`, a post with its relevance, within a second of its coming; where patches are
    searched too, `ranked`, a place and day whose rank has changed since posts or a product came, with its
    `previous_rank`. After a break the browser sends Last-Event-ID by itself; other clients may send `since`. At least
    once: know matches by their `match_id`. `failed` is the last event where the search cannot be polled any more."""
    messages = await _messages(saved_search_id, last_event_id or since, search)
    return MatchStream(search.listeners, _while_known(request.app.state.access, who, messages))


@router.websocket("/{saved_search_id}/ws")
async def websocket(
    socket: WebSocket, saved_search_id: Key, search: SearchDependency, who: WhoDependency, since: str = ""
) -> None:
    """The same over WebSocket: JSON messages with `id`, `event` and `data`."""
    await socket.accept()
    try:
        with search.listeners.place():
            heard = await _messages(saved_search_id, since, search)
            async with aclosing(_while_known(socket.app.state.access, who, heard)) as messages:
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


async def _messages(saved_search_id: str, since: str, search: Search) -> AsyncGenerator[Message]:
    """What one listener gets. Raises NotFound and BadQuery."""
    if not re.fullmatch(MESSAGE_ID, since):
        raise BadQuery("since", "it is no id of a message", "Send the id of the last message that you have, or none")
    saved_search = await run_in_threadpool(search.saved_searches.get, saved_search_id)
    open_feed = search.feeds.opener(saved_search)
    exists = partial(search.saved_searches.exists, saved_search_id)
    return search.listeners.messages(open_feed, exists, since or None)


async def _while_known(access: Access, who: Principal, messages: AsyncGenerator[Message]) -> AsyncGenerator[Message]:
    """The messages, until whoever hears them is known no more: a listener gets one every QUIET_S at the latest. Raises
    Refused then."""
    async with aclosing(messages):
        async for message in messages:
            if not access.still_knows(who):
                raise Refused("the API key that this was asked with was revoked, or one is needed by now")
            yield message
