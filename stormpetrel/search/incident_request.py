"""The query parameters of a list of incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from stormpetrel.core.clock import now
from stormpetrel.core.events import EventKind, IncidentState, Severity
from stormpetrel.search.filter_request import CountryCode, Last, Moment, duration
from stormpetrel.search.listing_request import BoxText
from stormpetrel.search.place_request import Latitude, Longitude, PlaceName, PlaceRequest, Radius, Request, Words

Form = Literal["json", "geojson", "csv"]


class IncidentRequest(Request):
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
    near: PlaceName | None = Field(default=None, description="A place's name; give radius_km too")
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    radius_km: Radius | None = None
    box: BoxText | None = Field(
        default=None, description="west,south,east,north; west may lie east of east, over the 180th meridian"
    )
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
        try:
            where = self.where
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        if where is not None and not where.is_filter:
            raise ValueError("a list is limited by an area, and a point has no end; give radius_km too")
        return self

    @property
    def where(self) -> PlaceRequest | None:
        """The area; None where the list is of the whole Earth."""
        fields = {
            "near": self.near,
            "longitude": self.longitude,
            "latitude": self.latitude,
            "radius_km": self.radius_km,
            "box": self.box.split(",") if self.box else None,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return PlaceRequest.model_validate(given) if given else None

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Since and until when."""
        return (now() - duration(self.last), None) if self.last else (self.since, self.until)
