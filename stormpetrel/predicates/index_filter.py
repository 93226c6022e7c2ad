"""What the vector index can filter by of an expression over patches.

The index has a patch's centre and its values, not its outline. So an outline narrows the index to the boxes around it,
and what is left is decided item by item.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from shapely.geometry.base import BaseGeometry

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import Filter
from stormpetrel.predicates.expression import And, Expression, Has, Intersects, Missing, Not, Or, Overlaps, Test
from stormpetrel.predicates.properties import Property
from stormpetrel.predicates.truth import compares

REACH_KM = 4.0  # from a patch's centre to its furthest corner: half the diagonal of 480 pixels of 10 m, and some
KM_PER_DEGREE = 111.0
MOST_BOXES = 20
WHOLE = (-1e300, 1e300)
EVERYTHING = Filter()
NOTHING = Filter(ranges={"event_time": (1, 0)})


class Narrowed(NamedTuple):
    """A filter that lets through everything of which an expression is true (None: nothing is), and whether it lets
    through nothing else."""

    filter: Filter | None
    exact: bool


def whole_filter(expression: Expression) -> Filter:
    """The filter that says the same as the expression. Raises BadQuery where the index cannot decide it."""
    narrowed = index_filter(expression)
    if not narrowed.exact:
        problem = "it asks for an outline, an id or a pattern, which a search cannot"
        raise BadQuery("filter", problem, "Give a place by box or circle, or ask /v1/stac/search")
    return NOTHING if narrowed.filter is None else narrowed.filter


def index_filter(expression: Expression) -> Narrowed:
    """The narrowest filter of the index on patches that misses nothing."""
    return _narrow(expression, True)


def _narrow(expression: Expression, wanted: bool) -> Narrowed:
    """Where the expression has the wanted value; nowhere is it unknown there."""
    match expression:
        case Not(part):
            return _narrow(part, not wanted)
        case And(parts):
            narrowed = [_narrow(part, wanted) for part in parts]
            return _every(narrowed) if wanted else _either(narrowed)
        case Or(parts):
            narrowed = [_narrow(part, wanted) for part in parts]
            return _either(narrowed) if wanted else _every(narrowed)
        case Test():
            return _tested(expression, wanted)
        case Has(tested, value):
            named = {tested.key: [value]}
            return Narrowed(Filter(any_of=named) if wanted else Filter(none_of=named), True)
        case Missing(tested):
            return _missing(tested, wanted)
        case Intersects(geometry):
            boxes = [Filter(boxes=[box]) for box in _boxes_around(geometry)] if wanted else [EVERYTHING]
            return _either([Narrowed(each, False) for each in boxes])
        case Overlaps(since, until):
            inside = Filter(ranges={"event_time": (since, until)})
            return Narrowed(inside if wanted else Filter(neither=[inside]), True)


def _every(narrowed: Sequence[Narrowed]) -> Narrowed:
    filters = [each.filter for each in narrowed]
    if None in filters:
        return Narrowed(None, True)
    kept = [each for each in filters if each is not None and each != EVERYTHING]
    whole = kept[0] if len(kept) == 1 else Filter(every=kept) if kept else EVERYTHING
    return Narrowed(whole, all(each.exact for each in narrowed))


def _either(narrowed: Sequence[Narrowed]) -> Narrowed:
    possible = [each for each in narrowed if each.filter is not None]
    exact = all(each.exact for each in possible)
    if not possible:
        return Narrowed(None, True)
    filters = [each.filter for each in possible if each.filter is not None]
    if EVERYTHING in filters:
        return Narrowed(EVERYTHING, any(each.exact and each.filter == EVERYTHING for each in possible))
    return Narrowed(filters[0] if len(filters) == 1 else Filter(either=filters), exact)


def _tested(test: Test, wanted: bool) -> Narrowed:
    tested = test.property
    if tested.key == "collection":
        return Narrowed(EVERYTHING if compares("patches", test.operator, test.value) == wanted else None, True)
    if not tested.indexed:
        return Narrowed(EVERYTHING, False)
    if tested.domain:
        values = [str(each) for each in tested.domain if compares(each, test.operator, test.value) == wanted]
        return Narrowed(Filter(any_of={tested.key: values}) if values else None, True)
    if tested.kind == "text":
        if test.operator != "=":
            return Narrowed(EVERYTHING, False)
        named = {tested.key: [str(test.value)]}
        return Narrowed(Filter(any_of=named) if wanted else Filter(none_of=named), True)
    ranges = _ranges(test.operator, float(test.value), wanted)
    return _either([Narrowed(Filter(ranges={tested.key: limits}), True) for limits in ranges])


def _ranges(operator: str, value: float, wanted: bool) -> list[tuple[float | None, float | None]]:
    """Ranges are inclusive: what lies beyond a value begins with the next number."""
    below, above = (None, math.nextafter(value, -math.inf)), (math.nextafter(value, math.inf), None)
    match operator, wanted:
        case ("=", True):
            return [(value, value)]
        case ("=", False):
            return [below, above]
        case ("<", True) | (">=", False):
            return [below]
        case ("<=", True) | (">", False):
            return [(None, value)]
        case (">", True) | ("<=", False):
            return [above]
    return [(value, None)]


def _missing(tested: Property, wanted: bool) -> Narrowed:
    if not tested.optional or tested.kind == "list":
        return Narrowed(None if wanted else EVERYTHING, True)
    if tested.domain:
        there = Filter(any_of={tested.key: [str(each) for each in tested.domain]})
    else:
        there = Filter(ranges={tested.key: WHOLE})
    return Narrowed(Filter(neither=[there]) if wanted else there, True)


def _boxes_around(geometry: BaseGeometry) -> list[tuple[float, float, float, float]]:
    """Boxes (west, south, east, north; degrees) with the centres of all patches whose outlines can meet a geometry."""
    parts = list(getattr(geometry, "geoms", [geometry]))
    if len(parts) > MOST_BOXES:
        parts = [geometry]
    return [_box_around(*part.bounds) for part in parts if not part.is_empty]


def _box_around(west: float, south: float, east: float, north: float) -> tuple[float, float, float, float]:
    reach = REACH_KM / KM_PER_DEGREE
    south, north = max(-90.0, south - reach), min(90.0, north + reach)
    narrowest = math.cos(math.radians(max(abs(south), abs(north))))
    sideways = reach / narrowest if narrowest > reach / 180 else 360.0
    if east - west + 2 * sideways >= 360:
        return (-180.0, south, 180.0, north)
    return ((west - sideways + 180) % 360 - 180, south, (east + sideways + 180) % 360 - 180, north)
