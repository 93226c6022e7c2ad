"""The query parameters of a list of incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stormpetrel.core.clock import now
from stormpetrel.core.events import EventKind, IncidentState, Severity
from stormpetrel.search.filter_request import CountryCode, Last, Moment, duration
from stormpetrel.search.list_area import ListArea
from stormpetrel.search.place_request import Words

Form = Literal["json", "geojson", "csv"]


class IncidentRequest(ListArea):
    """Incidents that meet all of these, the newest first. A parameter that may be repeated means any of its values. An
    incident is of a time where posts spoke of it then, and of an area where its centre or one of its cells lies in it.
    """

    state: list[IncidentState] = Field(default=[], max_length=5)
    kind: list[EventKind] = Field(default=[], max_length=20)
    severity: list[Severity] = Field(default=[], max_length=4)
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    last: Last | None = None
    since: Moment | None = None
    until: Moment | None = None
    country: list[CountryCode] = Field(default=[], max_length=50)
    format: Form | None = Field(default=None, description="json, geojson or csv; by the header Accept if not given")
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[Words, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def is_a_list(self) -> Self:
        if self.last and (self.since or self.until):
            raise ValueError("last is a time up to now; give it, or since and until, not both")
        if self.since and self.until and self.since > self.until:
            raise ValueError("since lies after until; exchange them")
        return self

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Since and until when."""
        return (now() - duration(self.last), None) if self.last else (self.since, self.until)
