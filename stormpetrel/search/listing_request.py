"""The query parameters of a list of posts, and the place and filters that they stand for."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from stormpetrel.core.events import Source
from stormpetrel.search.filter_request import CountryCode, FilterRequest, Language, Last, Moment
from stormpetrel.search.place_request import Latitude, Longitude, PlaceName, PlaceRequest, Radius, Request, Words


def _four_numbers(text: str) -> str:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
        if not all(map(math.isfinite, (west, south, east, north))):
            raise ValueError("not finite")
    except ValueError as error:
        raise ValueError(f"{text!r} is no box; give west,south,east,north, such as 8.0,44.0,9.5,45.0") from error
    return f"{west},{south},{east},{north}"


BOX_FORM = {"pattern": r"^\s*[-+]?[0-9.]+\s*(,\s*[-+]?[0-9.]+\s*){3}$"}
BoxText = Annotated[str, Field(max_length=200, json_schema_extra=BOX_FORM), AfterValidator(_four_numbers)]


class ListingRequest(Request):
    """Posts that meet all of these, the newest first. A parameter that may be repeated means any of its values."""

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
    language: list[Language] = Field(default=[], max_length=50)
    source: list[Source] = Field(default=[], max_length=10)
    label: list[Words] = Field(default=[], max_length=20)
    without_label: list[Words] = Field(default=[], max_length=20)
    country: list[CountryCode] = Field(default=[], max_length=50)
    division: list[PlaceName] = Field(default=[], max_length=50)
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[Words, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def is_a_list(self) -> Self:
        try:
            where, _ = self.where, self.filters
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

    @property
    def filters(self) -> FilterRequest:
        """The filters, as a search has them."""
        return FilterRequest(
            last=self.last,
            since=self.since,
            until=self.until,
            languages=self.language or None,
            sources=self.source or None,
            countries=self.country or None,
            divisions=self.division or None,
            labels=self.label or None,
            without_labels=self.without_label or None,
        )
