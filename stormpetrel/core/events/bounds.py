"""The bounds of what events hold: what the log and both stores can take, stated in each event's JSON Schema.

What a store cannot hold is refused here, where the record enters, and not by the store that would meet it much later.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

FIRST_YEAR, LAST_YEAR = 1678, 2261  # whole years that 64 bits of nanoseconds hold, as numpy and Arrow count them
LARGEST = 2**63 - 1  # BSON and Qdrant hold signed integers of 64 bits
DEEPEST = 64  # levels of nested JSON; MongoDB takes 100
NO_CONTROLS = "^[^\\x00-\\x1f\\x7f]*$"
CONTROLS = {*map(chr, range(0x20)), "\x7f"}


def _as_utc(moment: datetime) -> datetime:
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR}") from error
    if not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR}")
    return utc


Moment = Annotated[
    datetime, AfterValidator(_as_utc), Field(description=f"The year, in UTC, is {FIRST_YEAR} to {LAST_YEAR}")
]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Share = Annotated[float, Field(ge=0, le=1)]
Integer = Annotated[int, Field(ge=-LARGEST - 1, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]

# Ids, keys and names of versions: they become keys of records, of documents and of index points.
Key = Annotated[str, Field(max_length=512, pattern=NO_CONTROLS)]
Id = Annotated[Key, Field(min_length=3)]
FieldName = Annotated[str, Field(max_length=512, pattern="^([^$\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*)?$")]
EventKind = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]  # flood, storm, earthquake, wildfire
# Free text, by how long it may be; line breaks and the like are its writer's.
Name = Annotated[str, Field(max_length=2_000)]
Note = Annotated[str, Field(max_length=20_000)]
Url = Annotated[str, Field(max_length=1_000_000)]  # a picture may come within its address (`data:`)

Value = TypeVar("Value")
Several = Annotated[tuple[Value, ...], Field(max_length=1_000)]


def storable(value: Any) -> Any:
    """The same JSON value. Raises ValueError where the log or a store cannot hold it: an integer of more than 64 bits,
    a number that is not finite, half of a surrogate pair, a key with a control character or a leading `$`, more than
    64 levels."""
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        if isinstance(part, dict):
            for key in part:
                _check_key(key)
            pending += [(inner, depth + 1) for inner in part.values()]
        elif isinstance(part, list | tuple):
            pending += [(inner, depth + 1) for inner in part]
        else:
            _check_scalar(part)
    return value


def _check_key(key: Any) -> None:
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is no string")
    _check_scalar(key)
    if len(key) > 512 or key.startswith("$") or CONTROLS.intersection(key):
        raise ValueError(f"the key {key[:50]!r} is longer than 512, begins with $ or holds a control character")


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError("a text holds half of a surrogate pair") from error
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the number {value} is not finite")
    elif isinstance(value, int):
        if not -LARGEST - 1 <= value <= LARGEST:
            raise ValueError("an integer has more than 64 bits")
    elif value is not None:
        raise ValueError(f"{type(value).__name__} is no JSON")


JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
