"""Standing queries: POST /v1/saved-searches, then listen by SSE or WebSocket to the posts that match as they arrive.

Where patches are asked as well, what is told are places and days that a new product or post has ranked anew.

A subscription is an event on a compacted topic, so that it outlives the process and every API process knows it. What
a listener has heard is its own to say: the id of each message is the moment up to which it is complete.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from api.dependencies import Services
from api.listening import Listener, Message
from api.query_builder import query_of
from api.schemas.requests import SearchRequest
from api.schemas.responses import SavedSearchResponse
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadPicture, BadQuery, NotFound, StormpetrelError
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted
from stormpetrel.posts.vision.pictures import from_base64, small_data_url

router = APIRouter(prefix="/v1/saved-searches", tags=["saved_searches"])
MOST_LISTENERS = 200
ALIKE = 0.35  # cosine; below it a text is about something else, whatever its rank in a small index


class SavedSearchRequest(SearchRequest):
    """A search that stays: a new post matches where it stands within the first `within` of the fused list."""

    within: Annotated[int, Field(ge=1, le=100)] = 20


def services(connection: HTTPConnection) -> Services:
    found: Services = connection.app.state.services
    return found


@router.post("", status_code=201)
def subscribe(asked: SavedSearchRequest, have: Services = Depends(services)) -> SavedSearchResponse:
    """Keeps the question; listen at the addresses of the answer. Without `min_scores` a text must have a cosine of
    .35."""
    if asked.cursor is not None:
        raise BadQuery("cursor", "a standing query has no pages", "Leave it out")
    request = asked.model_dump(mode="json", exclude={"within", "cursor", "limit"}, exclude_unset=True)
    request.setdefault("min_scores", {"text": ALIKE})
    if asked.picture:
        try:
            # As it is looked at anyway: an event on a topic is no place for ten megabytes.
            request["picture"] = small_data_url(from_base64(asked.picture))
        except BadPicture as error:
            raise BadQuery("picture", error.problem, error.remedy) from error
    query_of(SearchRequest.model_validate(request), have)  # what cannot be asked is told now, not later
    event = SavedSearch(
        saved_search_id=f"saved-{uuid.uuid4().hex[:16]}", request=request, within=asked.within, created_at=now()
    )
    have.saved_searches.write(event)
    return _subscribed(event)


@router.get("")
def listed(have: Services = Depends(services)) -> list[SavedSearchResponse]:
    """All subscriptions, the oldest first."""
    return [_subscribed(event) for event in have.saved_searches.all()]


@router.get("/{saved_search_id}")
def one(saved_search_id: str, have: Services = Depends(services)) -> SavedSearchResponse:
    """One subscription."""
    return _subscribed(have.saved_searches.get(saved_search_id))


@router.delete("/{saved_search_id}", status_code=204)
def unsubscribe(saved_search_id: str, have: Services = Depends(services)) -> None:
    """Ends a subscription; its listeners are told."""
    have.saved_searches.get(saved_search_id)
    have.saved_searches.write(SavedSearchDeleted(saved_search_id=saved_search_id, deleted_at=now()))


def _subscribed(event: SavedSearch) -> SavedSearchResponse:
    address = f"/v1/saved-searches/{event.saved_search_id}"
    return SavedSearchResponse(
        saved_search_id=event.saved_search_id,
        created_at=event.created_at,
        within=event.within,
        request=event.request,
        events=f"{address}/events",
        websocket=f"{address}/ws",
    )


def _listener(saved_search_id: str, since: str | None, have: Services) -> Listener:
    if have.listeners >= MOST_LISTENERS:
        raise HTTPException(503, f"{MOST_LISTENERS} listen already; try another API process, or later")
    if since is not None and not (since.isdecimal() and len(since) <= 15):
        raise BadQuery("since", "it is no id of a message", "Send the id of the last message that you have, or none")
    return Listener(have, have.saved_searches.get(saved_search_id), int(since) if since else None)


@router.get("/{saved_search_id}/events")
def events(
    saved_search_id: str,
    since: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
    have: Services = Depends(services),
) -> StreamingResponse:
    """Server-sent events: `match`, a hit as a search gives it, within two seconds of the post; where patches are asked
    too, `ranked`, a place and day whose rank has changed since posts or a product came, with the rank it had (`was`).
    After a break the browser sends Last-Event-ID by itself; other clients may send `since`. At least once: know posts
    by their id."""
    listener = _listener(saved_search_id, last_event_id or since, have)

    async def lines() -> AsyncIterator[bytes]:
        async for message in listener.messages():
            yield _sse(message)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _sse(message: Message) -> bytes:
    if message.event == "quiet":
        return b": still here\n\n"
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (message.id, message.event.encode(), orjson.dumps(message.data))


@router.websocket("/{saved_search_id}/ws")
async def websocket(socket: WebSocket, saved_search_id: str, since: str | None = None) -> None:
    """The same over WebSocket: JSON messages with `id`, `event` and `data`."""
    await socket.accept()
    try:
        listener = await run_in_threadpool(_listener, saved_search_id, since, services(socket))
    except (NotFound, BadQuery, HTTPException) as error:
        await socket.send_json({"event": "refused", "data": {"reason": str(error)}})
        await socket.close(1008)
        return
    try:
        async for message in listener.messages():
            told: dict[str, Any] = {"id": message.id, "event": message.event, "data": message.data}
            await socket.send_text(orjson.dumps(told).decode())
        await socket.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the client went; it comes back with the last id it has
    except StormpetrelError as error:
        await socket.close(1011, str(error)[:100])
