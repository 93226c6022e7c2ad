"""The filters of many saved searches at once: which of them a post may match at all.

The rules are those of the index: see `core.ports.Filter`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon, box, points, prepare

from stormpetrel.core.ports import Document, Filter
from stormpetrel.search.percolator.distances import kilometres

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Circles:
    """Circles that some searches are limited to: the search's row, the centre in degrees, the radius in kilometres."""

    rows: Rows
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    radii_km: NDArray[np.float64]

    def outside(self, places: Sequence[tuple[float, float]]) -> Rows:
        """The rows whose circle holds none of the places."""
        inside = np.zeros(len(self.rows), dtype=bool)
        for longitude, latitude in places:
            inside |= kilometres(longitude, latitude, self.longitudes, self.latitudes, self.radii_km) <= self.radii_km
        return self.rows[~inside]


@dataclass
class FieldValues:
    """The searches that name values of one field."""

    naming: list[int] = field(default_factory=list)
    rows_of: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: int, values: Sequence[str]) -> None:
        self.naming.append(row)
        for value in values:
            self.rows_of[value].append(row)


class HardFilters:
    """The filters of the searches, one a row."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._count = len(filters)
        self._wanted: defaultdict[str, FieldValues] = defaultdict(FieldValues)
        self._unwanted: defaultdict[str, FieldValues] = defaultdict(FieldValues)
        self._polygons: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)
        self._ranges: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        circles: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
        for row, within in enumerate(filters):
            for name, values in within.any_of.items():
                self._wanted[name].add(row, values)
            for name, values in within.none_of.items():
                self._unwanted[name].add(row, values)
            for name, limits in within.ranges.items():
                self._add_range(name, row, limits)
            circles[within.place_field] += [(row, *circle) for circle in within.circles]
            for polygon in _polygons(within):
                prepare(polygon)
                self._polygons[within.place_field].append((row, polygon))
        self._circles = {name: _circles(listed) for name, listed in circles.items() if listed}

    def met_by(self, payload: Document) -> Mask:
        """Whether a post of this payload (as the index has it) meets each filter, shape (searches,)."""
        met = np.ones(self._count, dtype=bool)
        for name, (low, high) in self._ranges.items():
            value = payload.get(name)
            met &= (low <= value) & (value <= high) if value is not None else np.isneginf(low) & np.isposinf(high)
        for name, wanted in self._wanted.items():
            accepted = np.zeros(self._count, dtype=bool)
            for value in _values(payload.get(name)):
                accepted[wanted.rows_of.get(value, [])] = True
            met[wanted.naming] &= accepted[wanted.naming]
        for name, unwanted in self._unwanted.items():
            for value in _values(payload.get(name)):
                met[unwanted.rows_of.get(value, [])] = False
        for name, circles in self._circles.items():
            met[circles.outside(_places(payload, name))] = False
        for name, polygons in self._polygons.items():
            places = [points(*place) for place in _places(payload, name)]
            for row, polygon in polygons:
                met[row] = met[row] and any(polygon.covers(place) for place in places)
        return met

    def _add_range(self, name: str, row: int, limits: tuple[float | None, float | None]) -> None:
        if name not in self._ranges:
            self._ranges[name] = np.full(self._count, -np.inf), np.full(self._count, np.inf)
        for bounds, limit in zip(self._ranges[name], limits, strict=True):
            if limit is not None:
                bounds[row] = limit


def _polygons(within: Filter) -> list[Any]:
    """The areas of a filter that are no circles. A box over the 180th meridian is two."""
    areas: list[Any] = [_valid(Polygon(within.polygon))] if within.polygon is not None else []
    for west, south, east, north in within.boxes:
        if west <= east:
            areas.append(box(west, south, east, north))
        else:
            areas.append(box(west, south, 180, north).union(box(-180, south, east, north)))
    return areas


def _valid(polygon: Polygon) -> Polygon:
    """Raises ValueError where it bounds no area."""
    if not polygon.is_valid or not polygon.area:
        raise ValueError("the polygon crosses itself or bounds no area; list its corners in their order around it")
    return polygon


def _circles(listed: Sequence[tuple[float, ...]]) -> Circles:
    rows, longitudes, latitudes, radii_km = np.array(listed, dtype=np.float64).T
    return Circles(rows.astype(np.int64), longitudes, latitudes, radii_km)


def _values(value: Any) -> Sequence[str]:
    return value if isinstance(value, list) else [value]


def _places(payload: Document, name: str) -> list[tuple[float, float]]:
    return [(place["lon"], place["lat"]) for place in payload.get(name) or ()]
