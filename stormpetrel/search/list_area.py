"""The query parameters by which a list is limited to an area, shared by the lists of posts and of incidents."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from stormpetrel.search.place_request import Latitude, Longitude, PlaceName, PlaceRequest, Radius, Request


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


class ListArea(Request):
    """A list of the whole Earth, or of an area."""

    near: PlaceName | None = Field(default=None, description="A place's name; give radius_km too")
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    radius_km: Radius | None = None
    box: BoxText | None = Field(
        default=None, description="west,south,east,north; west may lie east of east, over the 180th meridian"
    )

    @model_validator(mode="after")
    def is_an_area(self) -> Self:
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
