"""Incidents: listed, one with its evidence, its timeline, and a page to print."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.alerting import ChangeFeed
from api.dependencies import AlertingDependency, IncidentsDependency, SearchDependency
from api.errors import content
from api.incident_report import report_page
from api.message_stream import MessageStream, while_known
from api.security import WhoDependency
from stormpetrel.core.events import Count, IncidentId
from stormpetrel.search.incident_forms import geojson, to_csv
from stormpetrel.search.incident_listing import IncidentPage, TimelinePage
from stormpetrel.search.incident_request import Form, IncidentRequest

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
GEOJSON, CSV = "application/geo+json", "text/csv"
MEDIA_TYPES: dict[str, Form] = {GEOJSON: "geojson", CSV: "csv"}
TIMELINE_OF_A_REPORT = 200
CHANGE_ID = "^([A-Za-z0-9_.:-]{3,64}@[A-Za-z0-9_-]{1,64})?$"


@router.get("", response_model=IncidentPage, responses=content("application/json", GEOJSON, CSV))
def incidents(
    request: Annotated[IncidentRequest, Query()],
    listing: IncidentsDependency,
    asked: Request,
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """The incidents that meet all parameters, the newest first. Pages neither repeat nor skip one. As CSV the next page
    is in the header `Link`."""
    page = listing.page(request)
    form = request.format or next((form for media_type, form in MEDIA_TYPES.items() if media_type in accept), "json")
    if form == "geojson":
        return Response(orjson.dumps(geojson(page)), media_type=GEOJSON)
    if form == "csv":
        headers = {"Link": _next_page(asked, page.next_cursor)} if page.next_cursor else {}
        return Response(to_csv(page.incidents), media_type=CSV, headers=headers)
    return Response(page.model_dump_json(), media_type="application/json")


def _next_page(asked: Request, cursor: str) -> str:
    """The header `Link` to the next page: the same question, from the cursor on."""
    parameters = [(name, value) for name, value in asked.query_params.multi_items() if name != "cursor"]
    return f'<?{urlencode([*parameters, ("cursor", cursor)])}>; rel="next"'


@router.get("/events", response_class=EventSourceResponse, responses=content("text/event-stream"))
async def events(
    alerting: AlertingDependency,
    search: SearchDependency,
    request: Request,
    who: WhoDependency,
    since: Annotated[str, Query(pattern=CHANGE_ID)] = "",
    last_event_id: Annotated[str, Header(pattern=CHANGE_ID)] = "",
) -> MessageStream:
    """Server-sent events: `incident`, an incident as it stands after a change, and `action`, what somebody did with
    one. After a break the browser sends Last-Event-ID by itself; other clients may send `since`. A process holds the
    last 2,000 changes: after a longer break list the incidents again. At least once: know changes by their id."""
    await run_in_threadpool(alerting.rules)  # a process that has just started must not call old changes new
    open_feed = partial(ChangeFeed, alerting.changes)
    messages = search.listeners.messages(open_feed, lambda: True, last_event_id or since or None)
    return MessageStream(search.listeners, while_known(request.app.state.access, who, messages))


@router.get("/{incident_id}")
def incident(incident_id: IncidentId, listing: IncidentsDependency) -> dict[str, Any]:
    """One incident as it stands, with the texts of its representative posts and what the radar said."""
    return listing.incident(incident_id)


@router.get("/{incident_id}/timeline")
def timeline(
    incident_id: IncidentId,
    listing: IncidentsDependency,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    before: Count | None = None,
) -> TimelinePage:
    """Every change of an incident, the newest first; `before` is the `next_before` of the page before."""
    return listing.timeline(incident_id, limit, before)


@router.get("/{incident_id}/report", response_class=Response, responses=content("text/html"))
def report(incident_id: IncidentId, listing: IncidentsDependency) -> Response:
    """One page to read and print: map, reports over time, representative posts, and patches of the radar."""
    page = listing.timeline(incident_id, TIMELINE_OF_A_REPORT, None)
    html = report_page(listing.incident(incident_id), page.revisions)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"  # nothing on the page runs
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})
