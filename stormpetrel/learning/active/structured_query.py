"""Multi-knowledge queries: what is known of a product, of features, of labels, of place and of time, in one condition
with AND, OR and NOT."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stormpetrel.core.cells import distance_km
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import LabelId, Latitude, Longitude
from stormpetrel.core.ports import Document
from stormpetrel.learning.active.embedding_cache import Items, Mask

MOST_PARTS = 50
DEEPEST = 6


class Circle(BaseModel):
    """Around a point; degrees and kilometres."""

    model_config = ConfigDict(extra="forbid")
    longitude: Longitude
    latitude: Latitude
    radius_km: Annotated[float, Field(gt=0, le=20_000)]


class Likeness(BaseModel):
    """A feature: how like the item is to another, by the cosine of their vectors."""

    model_config = ConfigDict(extra="forbid")
    item_id: Annotated[str, Field(min_length=3, max_length=512)]
    at_least: Annotated[float, Field(ge=-1, le=1)] = 0.9


class Predicate(BaseModel):
    """What an item must meet: all the fields that are given, every part of `all`, one of `any`, none of `none`.

    `label` is met where the model of people's annotations says so, or, with `said_by` `people`, where they said so
    themselves. `product` is a name or a part of one; `box` is west, south, east, north (its west may lie east of east).
    """

    model_config = ConfigDict(extra="forbid")
    all: Annotated[list[Predicate], Field(max_length=MOST_PARTS)] = Field(default_factory=list)
    any: Annotated[list[Predicate], Field(max_length=MOST_PARTS)] = Field(default_factory=list)
    none: Annotated[list[Predicate], Field(max_length=MOST_PARTS)] = Field(default_factory=list)
    label: LabelId | None = None
    said_by: Literal["people", "model"] = "model"
    like: Likeness | None = None
    product: Annotated[str, Field(min_length=2, max_length=200)] | None = None
    scene_id: Annotated[str, Field(min_length=3, max_length=420)] | None = None
    sensor: Literal["sentinel-1", "sentinel-2"] | None = None
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    box: tuple[Longitude, Latitude, Longitude, Latitude] | None = None
    circle: Circle | None = None

    @model_validator(mode="after")
    def sensible(self) -> Self:
        if self.since and self.until and milliseconds(self.since) > milliseconds(self.until):
            raise ValueError("since lies after until; swap them")
        if self.box and self.box[1] > self.box[3]:
            raise ValueError("south lies above north; a box is [west, south, east, north]")
        if depth(self) > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST}; write it flatter")
        return self


def depth(condition: Predicate) -> int:
    return 1 + max((depth(part) for part in (*condition.all, *condition.any, *condition.none)), default=0)


# The items that a label is said of, by people or by the model of their annotations.
Said = Callable[[str, Literal["people", "model"]], Mask]
# The cosine of every item to one.
Alike = Callable[[str], "np.ndarray[tuple[int], np.dtype[np.float32]]"]


def met(items: Items, condition: Predicate, said: Said, alike: Alike) -> Mask:
    """The items that meet a condition, bool, shape (items,)."""
    found = _fields(items, condition, said, alike)
    for part in condition.all:
        found &= met(items, part, said, alike)
    if condition.any:
        found &= np.logical_or.reduce([met(items, part, said, alike) for part in condition.any])
    for part in condition.none:
        found &= ~met(items, part, said, alike)
    return found


def _fields(items: Items, asked: Predicate, said: Said, alike: Alike) -> Mask:
    found = np.ones(len(items), dtype=bool)
    if asked.since:
        found &= items.times >= milliseconds(asked.since)
    if asked.until:
        found &= items.times <= milliseconds(asked.until)
    if asked.box:
        found &= _in_box(items, asked.box)
    if asked.circle:
        km = distance_km(asked.circle.longitude, asked.circle.latitude, items.longitudes, items.latitudes)
        found &= np.nan_to_num(km, nan=np.inf) <= asked.circle.radius_km
    for field, wanted in (("scene_id", asked.scene_id), ("language", asked.language), ("source", asked.source)):
        if wanted is not None:
            found &= items.of_origin(_equal(field, wanted))
    for field, wanted in (("products", asked.product), ("sensors", asked.sensor)):
        if wanted is not None:
            found &= items.of_origin(_any_with(field, wanted))
    if asked.label:
        found &= said(asked.label, asked.said_by)
    if asked.like:
        found &= alike(asked.like.item_id) >= asked.like.at_least
    return found


def _equal(field: str, wanted: str) -> Callable[[Document], bool]:
    return lambda origin: bool(origin[field] == wanted)


def _any_with(field: str, wanted: str) -> Callable[[Document], bool]:
    return lambda origin: isinstance(origin[field], list) and any(wanted in str(value) for value in origin[field])


def _in_box(items: Items, box: tuple[float, float, float, float]) -> Mask:
    west, south, east, north = box
    lon, lat = items.longitudes, items.latitudes
    across = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    found: Mask = across & (lat >= south) & (lat <= north)
    return found
