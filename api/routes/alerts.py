"""What is told to those who come for it: CAP 1.2 as an Atom feed, and messages by server-sent events or WebSocket."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response, WebSocket
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.alerting import feed_opener
from api.dependencies import AlertingDependency, SearchDependency
from api.errors import content
from api.message_stream import MessageStream, serve_socket, while_known
from api.security import WhoDependency
from stormpetrel.alerting.cap_feed import CAP_TYPE
from stormpetrel.alerting.register import AlertingRegister
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import ReceiverName
from stormpetrel.search.saved_search_feed import Message

router = APIRouter(prefix="/v1/alerts", tags=["alerting"])
ATOM_TYPE = "application/atom+xml"
SINCE = "^(msg_[0-9a-f]{32})?$"
Listened = Annotated[ReceiverName, Query(description="A receiver of the channel `stream`")]


@router.get("/cap.atom", response_class=Response, responses=content(ATOM_TYPE))
def cap_feed(
    alerting: AlertingDependency,
    receiver: Annotated[
        ReceiverName | None, Query(description="A receiver of the channel `cap`; all if left out")
    ] = None,
) -> Response:
    """The CAP alerts that have not expired, the newest first; each entry links to its document."""
    alerting.rules()  # a process that has just started must not deny what stands on the log
    return Response(alerting.cap.atom(receiver, now()), media_type=ATOM_TYPE)


@router.get("/cap/{identifier}", response_class=Response, responses=content(CAP_TYPE))
def cap_alert(identifier: Annotated[str, Path(max_length=100)], alerting: AlertingDependency) -> Response:
    """One CAP 1.2 alert."""
    alerting.rules()
    return Response(alerting.cap.alert(identifier).document, media_type=CAP_TYPE)


@router.get("/events", response_class=EventSourceResponse, responses=content("text/event-stream"))
async def events(
    alerting: AlertingDependency,
    search: SearchDependency,
    request: Request,
    who: WhoDependency,
    receiver: Listened = "stream",
    since: Annotated[str, Query(pattern=SINCE)] = "",
    last_event_id: Annotated[str, Header(pattern=SINCE)] = "",
) -> MessageStream:
    """Server-sent events: `alert`, a message to the receiver. After a break the browser sends Last-Event-ID by itself;
    other clients may send `since`. A process holds the last 1,000 messages. At least once: know messages by their
    `message_id`."""
    messages = await _messages(alerting, search, receiver, last_event_id or since)
    return MessageStream(search.listeners, while_known(request.app.state.access, who, messages))


@router.websocket("/ws")
async def websocket(
    socket: WebSocket,
    alerting: AlertingDependency,
    search: SearchDependency,
    who: WhoDependency,
    receiver: str = "stream",
    since: str = "",
) -> None:
    """The same over WebSocket: JSON messages with `id`, `event` and `data`."""
    await serve_socket(socket, search.listeners, who, partial(_messages, alerting, search, receiver, since))


async def _messages(
    alerting: AlertingRegister, search: SearchDependency, receiver: str, since: str
) -> AsyncGenerator[Message]:
    """What one listener gets. Raises NotFound and BadQuery."""
    if not re.fullmatch(SINCE, since):
        raise BadQuery("since", "it is no id of a message", "Send the id of the last message that you have, or none")
    settings = alerting.receivers.get(receiver)
    if settings is None or settings.channel != "stream":
        raise NotFound(
            f"no receiver of the channel `stream` is called {receiver}; GET /v1/alerting/receivers lists all"
        )
    await run_in_threadpool(alerting.rules)
    return search.listeners.messages(feed_opener(receiver, alerting.recent), lambda: True, since or None)
