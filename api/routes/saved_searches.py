"""Saved searches: POST /v1/saved-searches, then listen by SSE or WebSocket to the posts that match as they arrive.

Where patches are searched too, a match is a place and day that a new product or post has ranked anew.

A saved search is an event on a compacted topic: it outlives the process, and every API process has it. The listener
itself keeps what it has heard: the id of each message is the moment up to which it is complete.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Self

import orjson
from fastapi import APIRouter, Header, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.dependencies import Search, SearchDependency
from api.listening import QUIET_S
from stormpetrel.core.errors import BadQuery, NotFound, StormpetrelError
from stormpetrel.core.events import SavedSearch
from stormpetrel.search.request import SavedSearchRequest
from stormpetrel.search.saved_search_feed import Message, SavedSearchFeed

router = APIRouter(prefix="/v1/saved-searches", tags=["saved_searches"])
STOP_GRACE_S = 2.0  # a stream ends by itself within a poll when the process stops; then it is cut


class SavedSearchResponse(BaseModel):
    """A saved search, and where to listen to it."""

    saved_search_id: str
    created_at: datetime
    within: int
    request: dict[str, Any]
    events: str = Field(description="Server-sent events")
    websocket: str

    @classmethod
    def of(cls, search: SavedSearch) -> Self:
        address = f"/v1/saved-searches/{search.saved_search_id}"
        fields = search.model_dump(exclude={"schema_version"})
        return cls(**fields, events=f"{address}/events", websocket=f"{address}/ws")


@router.post("", status_code=201)
def create(request: SavedSearchRequest, search: SearchDependency) -> SavedSearchResponse:
    """Saves the search; listen at the addresses of the answer. Without `score_threshold` a text needs a cosine of
    .35."""
    return SavedSearchResponse.of(search.saved_searches.create(request, search.searcher.builder.build))


@router.get("")
def list_all(search: SearchDependency) -> list[SavedSearchResponse]:
    """All saved searches, the oldest first."""
    return [SavedSearchResponse.of(saved_search) for saved_search in search.saved_searches.all()]


@router.get("/{saved_search_id}")
def get(saved_search_id: str, search: SearchDependency) -> SavedSearchResponse:
    """One saved search."""
    return SavedSearchResponse.of(search.saved_searches.get(saved_search_id))


@router.delete("/{saved_search_id}", status_code=204)
def delete(saved_search_id: str, search: SearchDependency) -> None:
    """Deletes a saved search; its listeners get the event `deleted`."""
    search.saved_searches.delete(saved_search_id)


@router.get("/{saved_search_id}/events")
def events(
    saved_search_id: str,
    search: SearchDependency,
    since: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Server-sent events: `match`, a hit as a search gives it, within two seconds of the post; where patches are
    searched too, `ranked`, a place and day whose rank has changed since posts or a product came, with its
    `previous_rank`. After a break the browser sends Last-Event-ID by itself; other clients may send `since`. At least
    once: know posts by their id."""
    server_sent_events = (
        ServerSentEvent(orjson.dumps(message.data).decode(), event=message.event, id=str(message.id))
        async for message in _messages(saved_search_id, last_event_id or since, search)
        if message.event != "quiet"  # the response sends pings of its own
    )
    return EventSourceResponse(server_sent_events, ping=QUIET_S, shutdown_grace_period=STOP_GRACE_S)


@router.websocket("/{saved_search_id}/ws")
async def websocket(
    socket: WebSocket, saved_search_id: str, search: SearchDependency, since: str | None = None
) -> None:
    """The same over WebSocket: JSON messages with `id`, `event` and `data`."""
    await socket.accept()
    try:
        messages = await run_in_threadpool(_messages, saved_search_id, since, search)
    except (NotFound, BadQuery, HTTPException) as error:
        await socket.send_json({"event": "refused", "data": {"reason": str(error)}})
        await socket.close(1008)
        return
    try:
        async for message in messages:
            await socket.send_text(orjson.dumps(message).decode())
        await socket.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the client went; it comes back with the last id that it has
    except StormpetrelError as error:
        await socket.close(1011, str(error)[:100])


def _messages(saved_search_id: str, since: str | None, search: Search) -> AsyncIterator[Message]:
    """What one listener gets. Raises NotFound, BadQuery, and HTTPException where too many listen."""
    search.listeners.check_capacity()
    if since is not None and not (since.isdecimal() and len(since) <= 15):
        raise BadQuery("since", "it is no id of a message", "Send the id of the last message that you have, or none")
    saved_search = search.saved_searches.get(saved_search_id)
    feed = SavedSearchFeed(search.searcher, saved_search, int(since) if since else None)
    return search.listeners.messages(feed, lambda: search.saved_searches.exists(saved_search_id))
