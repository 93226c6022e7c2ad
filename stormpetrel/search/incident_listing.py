"""Incidents as they are listed and looked up: page by page, one with its evidence, and all that became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import h3
from pydantic import BaseModel, Field

from stormpetrel.core.cells import distance_km
from stormpetrel.core.clock import milliseconds, moment_of
from stormpetrel.core.errors import NotFound
from stormpetrel.core.ports import Document, DocumentReader
from stormpetrel.search.incident_request import IncidentRequest
from stormpetrel.search.limits import area_of
from stormpetrel.search.paging import decoded, encoded, fingerprint_of
from stormpetrel.search.place_names import NamedPlace, PlaceNames
from stormpetrel.search.query import Area

READ = 500  # documents at a time
STORE_FIELDS = ("_id", "rank")
MOST_CELLS = 200  # of an incident that are asked whether they lie in an area


class IncidentPage(BaseModel):
    """A page of incidents, the newest first."""

    incidents: list[dict[str, Any]]
    total: int = Field(description="Incidents over all pages")
    next_cursor: str | None
    near: NamedPlace | None = Field(default=None, description="The place that the name was taken for")


class TimelinePage(BaseModel):
    """The changes of an incident, the newest first."""

    incident_id: str
    revisions: list[dict[str, Any]]
    next_before: int | None = Field(description="Give it as `before` for the next page")


@dataclass(frozen=True)
class IncidentListing:
    """All methods raise StoreUnavailable."""

    documents: DocumentReader
    names: PlaceNames

    def page(self, request: IncidentRequest) -> IncidentPage:
        """Raises BadQuery where a name is unknown or the cursor is wrong."""
        area, near = area_of(request.where, self.names) if request.where else (None, None)
        since, until = request.window()
        fingerprint, before = fingerprint_of(request), None
        if request.cursor:
            before, since_ms = decoded(request.cursor, fingerprint, (int, int))
            if request.last:  # the window stays where it was when the first page was shown
                since = moment_of(max(0, since_ms))
        found = [each for each in self._all() if meets(each, request, area, since, until)]
        rest = [each for each in found if before is None or each["rank"] < before]
        page, more = rest[: request.limit], len(rest) > request.limit
        start = milliseconds(since) if since else 0
        return IncidentPage(
            incidents=[shown_incident(each) for each in page],
            total=len(found),
            next_cursor=encoded(fingerprint, page[-1]["rank"], start) if more else None,
            near=near,
        )

    def incident(self, incident_id: str) -> dict[str, Any]:
        """An incident, its evidence with the posts' texts and places. What was deleted since is not shown. Raises
        NotFound."""
        incident = shown_incident(self._document(incident_id))
        named = {each["post_id"] for each in [*incident["evidence"], *incident["severity_reasons"]]}
        posts = self.documents.get("posts", sorted(named))
        incident["evidence"] = [
            {**each, **_of_post(posts[each["post_id"]])} for each in incident["evidence"] if each["post_id"] in posts
        ]
        incident["severity_reasons"] = [each for each in incident["severity_reasons"] if each["post_id"] in posts]
        return incident

    def timeline(self, incident_id: str, limit: int, before: int | None) -> TimelinePage:
        """Raises NotFound."""
        self._document(incident_id)
        equal = {"incident_id": incident_id}
        found = self.documents.newest("incident_revisions", "revision", limit + 1, equal, before)
        revisions = [shown_incident(each) for each in found[:limit]]
        next_before = revisions[-1]["revision"] if len(found) > limit else None
        return TimelinePage(incident_id=incident_id, revisions=revisions, next_before=next_before)

    def _document(self, incident_id: str) -> Document:
        document = self.documents.get("incidents", [incident_id]).get(incident_id)
        if document is None:
            raise NotFound(f"{incident_id!r} is not among the incidents; /v1/incidents lists them")
        return document

    def _all(self) -> Iterator[Document]:
        before: int | None = None
        while documents := self.documents.newest("incidents", "rank", READ, before=before):
            yield from documents
            before = documents[-1]["rank"]


def shown_incident(document: Document) -> dict[str, Any]:
    """An incident as answers show it."""
    return {key: value for key, value in document.items() if key not in STORE_FIELDS}


def _of_post(post: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": post.get("text"), "url": post.get("url")}


def meets(
    incident: Document, request: IncidentRequest, area: Area | None, since: datetime | None, until: datetime | None
) -> bool:
    """Whether an incident meets all parts of a request."""
    countries = {incident["country_code"], *(str(area).partition(".")[0] for area in incident["areas"])}
    return (
        (not request.state or incident["state"] in request.state)
        and (not request.kind or incident["kind"] in request.kind)
        and (not request.severity or incident["severity"] in request.severity)
        and (request.min_confidence is None or incident["confidence"] >= request.min_confidence)
        and (not request.country or not countries.isdisjoint(request.country))
        and (since is None or datetime.fromisoformat(incident["last_post_at"]) >= since)
        and (until is None or datetime.fromisoformat(incident["first_post_at"]) <= until)
        and (area is None or _lies_in(incident, area))
    )


def _lies_in(incident: Document, area: Area) -> bool:
    points = [(incident["longitude"], incident["latitude"])]
    points += [tuple(reversed(h3.cell_to_latlng(cell))) for cell in incident["cells"][:MOST_CELLS]]
    if area.box is not None:
        west, south, east, north = area.box
        return any(
            south <= latitude <= north
            and (west <= longitude <= east if west <= east else longitude >= west or longitude <= east)
            for longitude, latitude in points
        )
    longitudes, latitudes = zip(*points, strict=True)
    distances = distance_km(area.longitude, area.latitude, longitudes, latitudes)
    return area.radius_km is None or bool((distances <= area.radius_km).any())
