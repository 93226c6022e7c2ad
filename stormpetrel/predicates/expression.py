"""Expressions over the properties of an item: tests, joined by AND, OR and NOT, of three truth values as in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shapely.geometry.base import BaseGeometry

from stormpetrel.predicates.properties import Property

Operator = Literal["=", "<", "<=", ">", ">=", "like"]
Value = str | float


@dataclass(frozen=True)
class Test:
    """A property against a value: a number, a text, or a time in milliseconds since 1970. Unknown where the item lacks
    the property. `like` takes % for any characters, _ for one, and a backslash before what is meant as it stands."""

    property: Property
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Has:
    """Whether a list of texts holds one."""

    property: Property
    value: str


@dataclass(frozen=True)
class Missing:
    """Whether an item lacks a property; never unknown."""

    property: Property


@dataclass(frozen=True)
class Intersects:
    """Whether an item's outline meets a geometry (degrees, longitude first)."""

    geometry: BaseGeometry


@dataclass(frozen=True)
class Overlaps:
    """Whether an item was sensed in a window of time, ends included: milliseconds since 1970, None where it is open."""

    since: float | None
    until: float | None


@dataclass(frozen=True)
class Not:
    """The opposite; unknown stays unknown."""

    part: Expression


@dataclass(frozen=True)
class And:
    """All parts; true without any."""

    parts: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class Or:
    """At least one part; false without any."""

    parts: tuple[Expression, ...] = ()


Expression = Test | Has | Missing | Intersects | Overlaps | Not | And | Or
