"""Where a request looks: a point, a name, a box or a GeoJSON geometry, in degrees (WGS 84), longitude first."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from shapely import Polygon
from shapely.validation import explain_validity

MAX_CORNERS = 500
CROSSING = re.compile(r"[Ss]elf-intersection\[(\S+) (\S+)\]")  # as GEOS writes it
MAX_NAME = 100
LARGEST_RADIUS_KM = 20_000.0  # half of the way around the Earth


def _valid_unicode(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair; send whole characters") from error
    return text


def _valid_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = box
    if south > north:
        raise ValueError("south lies above north; a box is [west, south, east, north]")
    if west == east and south == north:
        raise ValueError("the box is a point; give a point and a radius instead")
    return box


def _valid_radius(radius_km: float) -> float:
    if not 0 < radius_km <= LARGEST_RADIUS_KM:
        raise ValueError(
            f"a radius of {radius_km:g} km bounds no area; give more than 0 and at most {LARGEST_RADIUS_KM:,.0f} km, "
            "or leave it out to rank by distance"
        )
    return radius_km


def _degrees(most: int) -> AfterValidator:
    def check(degrees: float) -> float:
        if not -most <= degrees <= most:
            raise ValueError(f"{degrees:g} lies beyond {most} degrees; give degrees from -{most} to {most} (WGS 84)")
        return degrees

    return AfterValidator(check)


def _not_a_truth_value(number: object) -> object:
    if isinstance(number, bool):
        raise ValueError("true and false are no numbers; give a number")
    return number


NUMBER = BeforeValidator(_not_a_truth_value)
Longitude = Annotated[float, NUMBER, _degrees(180), Field(json_schema_extra={"minimum": -180, "maximum": 180})]
Latitude = Annotated[float, NUMBER, _degrees(90), Field(json_schema_extra={"minimum": -90, "maximum": 90})]
Words = Annotated[str, AfterValidator(_valid_unicode)]
Corner = tuple[Longitude, Latitude]
# West may lie east of east: the box then crosses the 180th meridian.
Box = Annotated[tuple[Longitude, Latitude, Longitude, Latitude], AfterValidator(_valid_box)]
RADIUS_BOUNDS = {"exclusiveMinimum": 0, "maximum": LARGEST_RADIUS_KM}
Radius = Annotated[float, AfterValidator(_valid_radius), Field(json_schema_extra=dict(RADIUS_BOUNDS))]
PlaceName = Annotated[Words, Field(min_length=1, max_length=MAX_NAME)]


class Request(BaseModel):
    """A form that takes no other fields than its own, and no infinite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PointGeometry(Request):
    """A GeoJSON Point (RFC 7946)."""

    type: Literal["Point"]
    coordinates: Corner


class PolygonGeometry(Request):
    """A GeoJSON Polygon (RFC 7946) without holes: one closed ring of [longitude, latitude]."""

    type: Literal["Polygon"]
    coordinates: Annotated[
        list[Annotated[list[Corner], Field(min_length=4, max_length=MAX_CORNERS)]], Field(min_length=1, max_length=1)
    ]

    @model_validator(mode="after")
    def is_an_area(self) -> Self:
        ring = self.coordinates[0]
        if ring[0] != ring[-1]:
            raise ValueError("the ring is open; repeat its first position at the end")
        longitudes = [longitude for longitude, _ in ring]
        if any(abs(east - west) > 180 for west, east in pairwise(longitudes)):
            raise ValueError("the ring crosses the 180th meridian; search each side of it with a polygon of its own")
        polygon = Polygon(ring)
        if not polygon.is_valid or not polygon.area:
            crossing = CROSSING.search(explain_validity(polygon))
            fault = f"crosses itself at {crossing[1]}, {crossing[2]}" if crossing else "bounds no area"
            raise ValueError(f"the ring {fault}; list its corners in their order around the area")
        return self


class PlaceRequest(Request):
    """Exactly one of: a point, a name (`near`), a box, or a GeoJSON geometry.

    A point or a name with `radius_km`, a box and a polygon are filters; a point or a name without one is evidence: the
    nearest rank first.
    """

    longitude: Longitude | None = None
    latitude: Latitude | None = None
    near: PlaceName | None = Field(default=None, description="A place's name, such as Genova, or Springfield, Illinois")
    radius_km: Radius | None = None
    box: Box | None = None
    geojson: Annotated[PointGeometry | PolygonGeometry, Field(discriminator="type")] | None = None

    @model_validator(mode="after")
    def has_exactly_one_form(self) -> Self:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("a point needs both longitude and latitude; give both")
        forms = (self.longitude, self.near, self.box, self.geojson)
        if sum(form is not None for form in forms) != 1:
            raise ValueError("it is no place, or several; give one of longitude and latitude, near, box, geojson")
        if self.radius_km is not None and (self.box is not None or isinstance(self.geojson, PolygonGeometry)):
            raise ValueError("radius_km belongs to a point or a name; leave it out: a box or a polygon ends by itself")
        return self

    @property
    def is_filter(self) -> bool:
        """Whether posts outside are left out; else it is evidence."""
        return self.radius_km is not None or self.box is not None or isinstance(self.geojson, PolygonGeometry)
