"""Structured queries: predicates on product, features, labels, place and time, joined by AND, OR and NOT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stormpetrel.core.cells import distance_km
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import LabelId, Latitude, Longitude
from stormpetrel.core.ports import Document, Filter
from stormpetrel.learning.active.embedding_cache import Items, Mask
from stormpetrel.learning.training.examples import Float32
from stormpetrel.predicates import PatchFilter, read_filter, whole_filter

LabelSource = Literal["people", "model"]
MAX_PARTS = 50
MAX_DEPTH = 6
MAX_FILTERS = 10  # each is a question to the index


def label_and_level(inside: str) -> tuple[str, int]:
    """The label and the scale level (px) of what is written flood-water@480.

    >>> label_and_level("flood-water@480")
    ('flood-water', 480)
    """
    label, at, scale_level = inside.partition("@")
    if not label or not at or not scale_level.isdecimal():
        raise ValueError(f"{inside!r} names no label of a scale level; write label@px, such as flood-water@480")
    return label, int(scale_level)


def _valid_inside(inside: str) -> str:
    label_and_level(inside)
    return inside


Inside = Annotated[str, Field(max_length=130), AfterValidator(_valid_inside)]


class Circle(BaseModel):
    """Around a point; degrees and kilometres."""

    model_config = ConfigDict(extra="forbid")
    longitude: Longitude
    latitude: Latitude
    radius_km: Annotated[float, Field(gt=0, le=20_000)]


class Likeness(BaseModel):
    """A feature: how similar the item is to another, by the cosine of their vectors."""

    model_config = ConfigDict(extra="forbid")
    item_id: Annotated[str, Field(min_length=3, max_length=512)]
    at_least: Annotated[float, Field(ge=-1, le=1)] = 0.9


class Predicate(BaseModel):
    """What an item must match: every given field, every part of `all`, one part of `any`, no part of `none`.

    `label` matches where the label's model predicts it, or, where `label_source` is `people`, where people annotated
    it. `inside` matches a patch that lies in one of a coarser scale level which the label's model accepts there:
    `flood-water@480`. `filter` is CQL2 over the properties of patches (`docs/imagery.md`): new water and its
    confidence, cloud, orbit, sensor, time, the labels that patches bear. `product` is a name or a part of one; `box` is
    west, south, east, north (its west may lie east of its east).
    """

    model_config = ConfigDict(extra="forbid")
    all: Annotated[list[Predicate], Field(max_length=MAX_PARTS)] = Field(default_factory=list)
    any: Annotated[list[Predicate], Field(max_length=MAX_PARTS)] = Field(default_factory=list)
    none: Annotated[list[Predicate], Field(max_length=MAX_PARTS)] = Field(default_factory=list)
    label: LabelId | None = None
    label_source: LabelSource = "model"
    inside: Inside | None = None
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
    filter: PatchFilter | None = None

    @model_validator(mode="after")
    def check(self) -> Self:
        if self.since and self.until and milliseconds(self.since) > milliseconds(self.until):
            raise ValueError("since lies after until; swap them")
        if self.box and self.box[1] > self.box[3]:
            raise ValueError("south lies above north; a box is [west, south, east, north]")
        if depth(self) > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH}; write it flatter")
        if filters_in(self) > MAX_FILTERS:
            raise ValueError(f"it has more than {MAX_FILTERS} filters; join them by AND, OR and NOT in one")
        return self


def depth(predicate: Predicate) -> int:
    parts = (*predicate.all, *predicate.any, *predicate.none)
    return 1 + max((depth(part) for part in parts), default=0)


def filters_in(predicate: Predicate) -> int:
    parts = (*predicate.all, *predicate.any, *predicate.none)
    return (predicate.filter is not None) + sum(filters_in(part) for part in parts)


@dataclass(frozen=True)
class Matcher:
    """Finds the items that match predicates. `with_label` gives the items with a label by people or by its model;
    `inside` those in what a label's model accepts at a coarser scale level; `similarity` the cosine of every item to
    one, float32, shape (items,); `met` those that a filter of the index lets through."""

    items: Items
    with_label: Callable[[str, LabelSource], Mask]
    inside: Callable[[str, int], Mask]
    similarity: Callable[[str], Float32]
    met: Callable[[Filter], Mask]

    def matches(self, predicate: Predicate) -> Mask:
        """The items that match, bool, shape (items,)."""
        mask = self._fields(predicate)
        for part in predicate.all:
            mask &= self.matches(part)
        if predicate.any:
            mask &= np.logical_or.reduce([self.matches(part) for part in predicate.any])
        for part in predicate.none:
            mask &= ~self.matches(part)
        return mask

    def _fields(self, predicate: Predicate) -> Mask:
        items, mask = self.items, np.ones(len(self.items), dtype=bool)
        if predicate.since:
            mask &= items.times >= milliseconds(predicate.since)
        if predicate.until:
            mask &= items.times <= milliseconds(predicate.until)
        if predicate.box:
            mask &= _in_box(items, predicate.box)
        if circle := predicate.circle:
            km = distance_km(circle.longitude, circle.latitude, items.longitudes, items.latitudes)
            mask &= np.nan_to_num(km, nan=np.inf) <= circle.radius_km
        for field in ("scene_id", "language", "source"):
            if (value := getattr(predicate, field)) is not None:
                mask &= items.in_groups(_equals(field, value))
        for field, part in (("products", predicate.product), ("sensors", predicate.sensor)):
            if part is not None:
                mask &= items.in_groups(_contains(field, part))
        if predicate.label:
            mask &= self.with_label(predicate.label, predicate.label_source)
        if predicate.inside:
            mask &= self.inside(*label_and_level(predicate.inside))
        if predicate.like:
            mask &= self.similarity(predicate.like.item_id) >= predicate.like.at_least
        if predicate.filter is not None:
            mask &= self.met(whole_filter(read_filter(predicate.filter)))
        return mask


def _equals(field: str, value: str) -> Callable[[Document], bool]:
    return lambda group: bool(group[field] == value)


def _contains(field: str, part: str) -> Callable[[Document], bool]:
    return lambda group: isinstance(group[field], list) and any(part in str(value) for value in group[field])


def _in_box(items: Items, box: tuple[float, float, float, float]) -> Mask:
    west, south, east, north = box
    east_of_west, west_of_east = items.longitudes >= west, items.longitudes <= east
    inside = east_of_west & west_of_east if west <= east else east_of_west | west_of_east
    return inside & (items.latitudes >= south) & (items.latitudes <= north)
