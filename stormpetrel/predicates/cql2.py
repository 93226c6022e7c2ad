"""Reads CQL2 (OGC 21-065r2), as text or as JSON, into an expression. What it cannot read is a clear error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import cql2
import orjson
from pydantic import AfterValidator, Field

from stormpetrel.core.areas import geometry_of
from stormpetrel.core.errors import BadQuery
from stormpetrel.predicates.expression import And, Expression, Has, Intersects, Missing, Not, Operator, Or, Test, Value
from stormpetrel.predicates.index_filter import whole_filter
from stormpetrel.predicates.properties import Property, property_named

MOST_CHARACTERS = 4_000
DEEPEST = 20
MOST_TESTS = 200
SIMPLER = "Write it flatter and shorter, or send several requests"
FIELD = "filter"
MIRRORED: Mapping[str, Operator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
TIME_TESTS: Mapping[str, Operator] = {"t_after": ">", "t_before": "<", "t_equals": "="}
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_QUOTED_OR_POINT = re.compile(_QUOTED.pattern + r"|(?<![\w.])\.(?=\d)")


def read_filter(text_or_json: Any) -> Expression:
    """The expression of CQL2 text, or of CQL2 JSON as an object or as text.

    Raises BadQuery where it is neither, names no property that there is, compares values of two kinds, is longer than
    4,000 characters, nested deeper than 20, or has more than 200 tests, ANDs, ORs and NOTs.

    >>> read_filter("sat:relative_orbit = 168").property.name
    'sat:relative_orbit'
    """
    if isinstance(text_or_json, str):
        text_or_json = _json_of_text(text_or_json.strip())
    return _Reader().expression(text_or_json, DEEPEST)


def _checked(text_or_json: Any) -> Any:
    """The filter as it is, where a search of the vector index can decide it. Raises ValueError, with the remedy."""
    try:
        whole_filter(read_filter(text_or_json))
    except BadQuery as error:
        raise ValueError(f"{error.problem}; {error.remedy}") from error
    return text_or_json


# A field of requests: CQL2 as text or JSON.
PatchFilter = Annotated[Annotated[str, Field(max_length=MOST_CHARACTERS)] | dict[str, Any], AfterValidator(_checked)]


def _json_of_text(text: str) -> Any:
    if len(text) > MOST_CHARACTERS:
        raise BadQuery(FIELD, f"it has more than {MOST_CHARACTERS:,} characters", SIMPLER)
    if text.startswith("{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise BadQuery(FIELD, f"it is not JSON: {error}", "Send CQL2 JSON, or CQL2 text") from error
    _check_nesting(text)
    try:
        return cql2.Expr(_with_zeros(text)).to_json()
    except RecursionError as error:
        raise BadQuery(FIELD, "it is nested too deeply", SIMPLER) from error
    except Exception as error:  # the parser has no class of its own for it
        where = re.search(r"--> \d+:(\d+)", str(error))
        place = f"it cannot be read from character {where[1]} on" if where else "it cannot be read"
        raise BadQuery(FIELD, place, "Send CQL2 text, such as eo:cloud_cover < 20 AND sensor = 'sentinel-1'") from error


def _with_zeros(text: str) -> str:
    """CQL2 lets a number begin with its point; the parser does not."""
    return _QUOTED_OR_POINT.sub(lambda found: "0." if found[0] == "." else found[0], text)


def _check_nesting(text: str) -> None:
    """The parser takes a frame of its stack for each of these, and its stack has an end."""
    bare = _QUOTED.sub("''", text)
    depth = deepest = 0
    for sign in re.findall(r"[()]", bare):
        depth += 1 if sign == "(" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST or len(re.findall(r"\bnot\b", bare, re.IGNORECASE)) > MOST_TESTS:
        raise BadQuery(FIELD, f"it is nested deeper than {DEEPEST}", SIMPLER)
    if re.search(r"[-+*/^%]\s*[-+*/^%]", bare) or len(re.findall(r"[*/^%+]|\bdiv\b", bare)) > MOST_TESTS:
        raise BadQuery(FIELD, "it reckons with numbers", "Compare a property with a number as it stands")


class _Reader:
    """Reads one filter, and counts its parts."""

    def __init__(self) -> None:
        self._parts = 0

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MOST_TESTS:
            raise BadQuery(FIELD, f"it has more than {MOST_TESTS} tests", SIMPLER)

    def expression(self, node: Any, depth: int) -> Expression:
        self._count(1)
        if depth == 0:
            raise BadQuery(FIELD, f"it is nested deeper than {DEEPEST}", SIMPLER)
        if isinstance(node, bool):
            return And() if node else Or()
        if not isinstance(node, dict) or not isinstance(node.get("op"), str) or not isinstance(node.get("args"), list):
            raise BadQuery(FIELD, f"{_shown(node)} is no test", "A test is an object of op and args; see OGC 21-065")
        name, args = node["op"].lower(), node["args"]
        if name in ("and", "or"):
            if not args:
                raise BadQuery(FIELD, f"{name} joins nothing", "Give it at least one part")
            parts = tuple(self.expression(part, depth - 1) for part in args)
            return And(parts) if name == "and" else Or(parts)
        if name == "not":
            (part,) = _exactly(args, 1, name)
            return Not(self.expression(part, depth - 1))
        return self._test(name, args)

    def _test(self, name: str, args: list[Any]) -> Expression:
        read = READERS.get(name)
        if read is None:
            known = ", ".join(sorted({*READERS, "and", "or", "not"}))
            raise BadQuery(FIELD, f"there is no operator {name[:100]!r}", f"There are {known}")
        expression = read(args, name)
        self._count(len(expression.parts) if isinstance(expression, And | Or) else 0)
        return expression


def _compared(args: list[Any], name: str) -> Expression:
    left, right = _exactly(args, 2, name)
    if name == "<>":
        return Not(_compared([left, right], "="))
    if not _is_property(left):
        left, right, name = right, left, MIRRORED[name]
    tested = _property(left)
    if tested.kind == "list":
        if name != "=":
            raise BadQuery(FIELD, f"{tested.name} is a list", f"Ask A_CONTAINS({tested.name}, ('...')), or = and IN")
        return Has(tested, str(_value(tested, right)))
    operators: Mapping[str, Operator] = {each: each for each in MIRRORED.values()}
    return Test(tested, operators[name], _value(tested, right))


def _between(args: list[Any], name: str) -> Expression:
    if len(args) == 2 and isinstance(args[1], list):  # as drafts of the standard had it
        args = [args[0], *args[1]]
    tested, low, high = _exactly(args, 3, name)
    return And((_compared([tested, low], ">="), _compared([tested, high], "<=")))


def _among(args: list[Any], name: str) -> Expression:
    tested, values = _exactly(args, 2, name)
    return Or(tuple(_compared([tested, value], "=") for value in _list(values, name)))


def _like(args: list[Any], name: str) -> Expression:
    tested, pattern = _property(_exactly(args, 2, name)[0]), args[1]
    if tested.kind != "text" or not isinstance(pattern, str):
        raise BadQuery(FIELD, f"LIKE compares {tested.name} with {_shown(pattern)}", "It takes a text and a pattern")
    return Test(tested, "like", pattern)


def _missing(args: list[Any], name: str) -> Expression:
    return Missing(_property(*_exactly(args, 1, name)))


def _contains(args: list[Any], name: str) -> Expression:
    tested, values = _property(_exactly(args, 2, name)[0]), _list(args[1], name)
    if tested.kind != "list":
        raise BadQuery(FIELD, f"{tested.name} is no list", f"Compare it with = or IN in place of {name}")
    parts = tuple(Has(tested, str(_value(tested, value))) for value in values)
    return And(parts) if name == "a_contains" else Or(parts)


def _intersects(args: list[Any], name: str) -> Expression:
    left, right = _exactly(args, 2, name)
    if not _is_property(left):
        left, right = right, left
    if _property(left).kind != "geometry" or not isinstance(right, dict):
        raise BadQuery(FIELD, f"{name} takes the geometry and a shape", "Write S_INTERSECTS(geometry, POLYGON((...)))")
    try:
        return Intersects(geometry_of(_shape(right)))
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise BadQuery(FIELD, problem, remedy or "Give a valid shape of [longitude, latitude]") from error


def _shape(shape: dict[str, Any]) -> dict[str, Any]:
    if "bbox" not in shape:
        return shape
    west, south, *_, east, north = [*_list(shape["bbox"], "bbox"), None, None, None, None][:4]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _timed(args: list[Any], name: str) -> Expression:
    left, right = _exactly(args, 2, name)
    tested = _property(left)
    if tested.kind != "time":
        raise BadQuery(FIELD, f"{name} is about times, and {tested.name} is none", "Take datetime")
    if name in TIME_TESTS:
        return Test(tested, TIME_TESTS[name], _value(tested, right))
    interval = _list(right.get("interval") if isinstance(right, dict) else None, "INTERVAL")
    since, until = _exactly(interval, 2, "INTERVAL")
    later, sooner = (">", "<") if name == "t_during" else (">=", "<=")
    ends = [([left, end], sign) for end, sign in ((since, later), (until, sooner)) if end != ".."]
    return And(tuple(_compared(end, sign) for end, sign in ends))


READERS: Mapping[str, Callable[[list[Any], str], Expression]] = {
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), _compared),
    **dict.fromkeys(("t_after", "t_before", "t_equals", "t_during", "t_intersects"), _timed),
    **dict.fromkeys(("a_contains", "a_overlaps"), _contains),
    "between": _between,
    "in": _among,
    "like": _like,
    "isnull": _missing,
    "s_intersects": _intersects,
}


def _exactly(args: list[Any], count: int, name: str) -> list[Any]:
    if len(args) != count:
        raise BadQuery(FIELD, f"{name} has {len(args)} arguments", f"It takes {count}")
    return args


def _list(values: Any, name: str) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise BadQuery(FIELD, f"{name} has no list of values", "Give at least one, in parentheses")
    if len(values) > MOST_TESTS:
        raise BadQuery(FIELD, f"{name} has more than {MOST_TESTS} values", SIMPLER)
    return values


def _is_property(node: Any) -> bool:
    return isinstance(node, dict) and "property" in node


def _property(node: Any) -> Property:
    if not _is_property(node) or not isinstance(node["property"], str):
        raise BadQuery(FIELD, f"{_shown(node)} is no property", "Compare a property with a value as it stands")
    return property_named(node["property"])


def _value(tested: Property, node: Any) -> Value:
    """The value that a property is compared with, of the property's own kind."""
    if tested.kind == "time":
        return _milliseconds(tested, node)
    is_number = isinstance(node, int | float) and not isinstance(node, bool) and math.isfinite(node)
    if tested.kind == "number" and is_number:
        return float(node)
    if tested.kind in ("text", "list") and isinstance(node, str):
        return node
    wanted = {"number": "a finite number", "text": "a text in quotes", "list": "a text in quotes"}
    remedy = f"Give {wanted[tested.kind]}" if tested.kind in wanted else "Ask S_INTERSECTS(geometry, POLYGON((...)))"
    raise BadQuery(FIELD, f"{tested.name} is compared with {_shown(node)}", remedy)


def _milliseconds(tested: Property, node: Any) -> float:
    text = node.get("timestamp", node.get("date")) if isinstance(node, dict) else node
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError) as error:
        remedy = "Give TIMESTAMP('2025-11-04T20:00:00Z') or DATE('2025-11-04')"
        raise BadQuery(FIELD, f"{tested.name} is compared with {_shown(node)}", remedy) from error


def _shown(node: Any) -> str:
    return repr(node)[:100] if not isinstance(node, dict | list) else f"a JSON {type(node).__name__}"
