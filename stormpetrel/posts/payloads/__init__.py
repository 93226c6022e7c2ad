"""The message forms of the networks, each normalised to one `Post`.

A form is a module with `recognises(record)` and `normalise(record, ingested_at)`. `read` picks the one that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import PostEvent
from stormpetrel.posts.payloads import bluesky, mastodon, plain, x

FORMS = "an X API v2 object, a Bluesky Jetstream event, a Mastodon status or frame, or {id, text, created_at}"


class Form(Protocol):
    def recognises(self, record: dict[str, Any]) -> bool: ...
    def normalise(self, record: dict[str, Any], ingested_at: datetime) -> Sequence[PostEvent]: ...


@dataclass(frozen=True)
class Passed:
    """A whole record that is no post and needs none made of it (a notice of the network, a like)."""

    why: str


MODULES: tuple[Any, ...] = (x, bluesky, mastodon, plain)


def read(raw: bytes, ingested_at: datetime) -> Sequence[PostEvent] | Passed:
    """The posts in one record of any form. Raises MalformedRecord, which says what is wrong with it."""
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRecord(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise MalformedRecord(f"a JSON {type(record).__name__}, not an object")
    for form in MODULES:
        if form.recognises(record):
            break
    else:
        raise MalformedRecord(f"the form is not known; it must be {FORMS}")
    name = form.__name__.rsplit(".", 1)[-1]
    try:
        found = list(form.normalise(record, ingested_at))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise MalformedRecord(f"{name}: {where}: {first['msg']}") from error
    except KeyError as error:
        raise MalformedRecord(f"{name}: the field {error} is missing") from error
    except (TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise MalformedRecord(f"{name}: a field has the wrong type or value: {error}") from error
    return found or Passed(f"{name}: no post in it")
