"""Decides an expression for one item, by the three truth values of SQL: true, false, and unknown (None)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from shapely.geometry.base import BaseGeometry

from stormpetrel.predicates.expression import And, Expression, Has, Intersects, Missing, Not, Or, Overlaps, Test, Value

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Values:
    """An item's values by the keys of properties; its outline, made where it is asked for (degrees); and when its
    sensing ended, where it is no moment (milliseconds since 1970)."""

    by_key: Mapping[str, Any]
    outline: Callable[[], BaseGeometry]
    ended: int | None = field(default=None)

    @cached_property
    def geometry(self) -> BaseGeometry:
        return self.outline()


def is_true(expression: Expression, item: Values) -> bool:
    """Whether the expression is true of the item; unknown is not."""
    return truth(expression, item) is True


def truth(expression: Expression, item: Values) -> bool | None:
    """True, false, or None where a value that decides is missing."""
    match expression:
        case And(parts):
            return _all(parts, item)
        case Or(parts):
            opposite = _all(tuple(Not(part) for part in parts), item)
            return None if opposite is None else not opposite
        case Not(part):
            inner = truth(part, item)
            return None if inner is None else not inner
        case Test(tested, test_operator, value):
            held = item.by_key.get(tested.key)
            return None if held is None else compares(held, test_operator, value)
        case Has(tested, value):
            return value in (item.by_key.get(tested.key) or ())
        case Missing(tested):
            return tested.kind != "geometry" and item.by_key.get(tested.key) is None
        case Intersects(geometry):
            return bool(geometry.intersects(item.geometry))
        case Overlaps(since, until):
            began = item.by_key["event_time"]
            ended = began if item.ended is None else item.ended
            return (until is None or began <= until) and (since is None or ended >= since)


def _all(parts: tuple[Expression, ...], item: Values) -> bool | None:
    unknown = False
    for part in parts:
        inner = truth(part, item)
        if inner is False:
            return False
        unknown = unknown or inner is None
    return None if unknown else True


def compares(held: Value, test_operator: str, value: Value) -> bool:
    """A value that an item has against one that is asked for; both of one kind."""
    if test_operator == "like":
        return is_like(str(held), str(value))
    return COMPARE[test_operator](held, value)


def is_like(text: str, pattern: str) -> bool:
    """Whether a text is of a pattern's form, in time that grows with the product of their lengths at most.

    >>> is_like("S1A_IW_GRDH", "S1%\\_GRD_"), is_like("S1A_IW_SLC", "S1%GRD%")
    (True, False)
    """
    first, *others = _runs(pattern)
    start = first.match(text)
    if start is None:
        return False
    if not others:
        return start.end() == len(text)
    position = start.end()
    for run in others[:-1]:  # the leftmost place of each leaves most to the next
        place = run.search(text, position)
        if place is None:
            return False
        position = place.end()
    return any(
        end.end() == len(text) for at in range(len(text), position - 1, -1) if (end := others[-1].match(text, at))
    )


@lru_cache(maxsize=64)
def _runs(pattern: str) -> list[re.Pattern[str]]:
    """What stands between the % of a pattern, as regular expressions of a fixed length."""
    runs = [""]
    for part in re.findall(r"\\.|%+|_|[^\\%_]+|\\", pattern, flags=re.DOTALL):
        if part.startswith("%"):
            runs.append("")
        elif part == "_":
            runs[-1] += "."
        else:
            runs[-1] += re.escape(part[1:] if len(part) > 1 and part.startswith("\\") else part)
    return [re.compile(run, re.DOTALL) for run in runs]
