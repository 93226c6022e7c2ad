"""Saved searches: POST /v1/saved-searches, then listen by SSE or WebSocket to the posts that match as they arrive.

Posts are matched by the worker, and every API process follows the topic of matches. Where patches are searched too, a
match is a place and day that a new product or post has ranked anew.

A saved search is an event on a compacted topic: it outlives the process, and every API process has it. The listener
itself keeps what it has heard: the id of each message is that of the last match up to which it is complete.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self

import structlog
from fastapi import APIRouter, Header, Query, Request, WebSocket
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.dependencies import Search, SearchDependency
from api.errors import content
from api.message_stream import MessageStream, serve_socket, while_known
from api.security import WhoDependency
from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import Key, SavedQuery, SavedSearch
from stormpetrel.search.percolator.compiled_search import saved_query
from stormpetrel.search.relevance import MIN_RELEVANCE
from stormpetrel.search.request import SavedSearchRequest, SearchRequest
from stormpetrel.search.saved_search_feed import Message
from stormpetrel.search.searcher import Searcher

log = structlog.get_logger()
router = APIRouter(prefix="/v1/saved-searches", tags=["saved_searches"])
MESSAGE_ID = "^[0-9a-f]{0,32}$"


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


@router.get("/{saved_search_id}/events", response_class=EventSourceResponse, responses=content("text/event-stream"))
async def events(
    saved_search_id: Key,
    search: SearchDependency,
    request: Request,
    who: WhoDependency,
    since: Annotated[str, Query(pattern=MESSAGE_ID)] = "",
    last_event_id: Annotated[str, Header(pattern=MESSAGE_ID)] = "",
) -> MessageStream:
    """Server-sent events: `match`, a post with its relevance, within a second of its coming; where patches are
    searched too, `ranked`, a place and day whose rank has changed since posts or a product came, with its
    `previous_rank`. After a break the browser sends Last-Event-ID by itself; other clients may send `since`. At least
    once: know matches by their `match_id`. `failed` is the last event where the search cannot be polled any more."""
    messages = await _messages(saved_search_id, last_event_id or since, search)
    return MessageStream(search.listeners, while_known(request.app.state.access, who, messages))


@router.websocket("/{saved_search_id}/ws")
async def websocket(
    socket: WebSocket, saved_search_id: Key, search: SearchDependency, who: WhoDependency, since: str = ""
) -> None:
    """The same over WebSocket: JSON messages with `id`, `event` and `data`."""
    await serve_socket(socket, search.listeners, who, partial(_messages, saved_search_id, since, search))


async def _messages(saved_search_id: str, since: str, search: Search) -> AsyncGenerator[Message]:
    """What one listener gets. Raises NotFound and BadQuery."""
    if not re.fullmatch(MESSAGE_ID, since):
        raise BadQuery("since", "it is no id of a message", "Send the id of the last message that you have, or none")
    saved_search = await run_in_threadpool(search.saved_searches.get, saved_search_id)
    open_feed = search.feeds.opener(saved_search)
    exists = partial(search.saved_searches.exists, saved_search_id)
    return search.listeners.messages(open_feed, exists, since or None)
