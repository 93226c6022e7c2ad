"""The payloads of the networks, each normalised to `Post`s.

A format is a module with `recognises(record)` and `normalise(record, ingested_at)`. `read` picks the one that fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import PostEvent
from stormpetrel.posts.payloads import bluesky, mastodon, plain, x, x_compliance

FORMATS: tuple[Any, ...] = (x_compliance, x, bluesky, mastodon, plain)
EXPECTED = (
    "an X API v2 object or compliance event, a Bluesky Jetstream event, a Mastodon status or frame, or "
    "{id, text, created_at}"
)


@dataclass(frozen=True)
class Skipped:
    """A valid record without a post (a notice of the network, a like), and the reason to skip it."""

    reason: str


def read(raw: bytes, ingested_at: datetime) -> list[PostEvent] | Skipped:
    """The posts and deletions in one record of any format. Raises MalformedRecord, which names the fault."""
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRecord(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise MalformedRecord(f"a JSON {type(record).__name__}, not an object")
    payload = next((module for module in FORMATS if module.recognises(record)), None)
    if payload is None:
        raise MalformedRecord(f"the format is not known; it must be {EXPECTED}")
    name = payload.__name__.rsplit(".", 1)[-1]
    try:
        events = list(payload.normalise(record, ingested_at))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise MalformedRecord(f"{name}: {field}: {first['msg']}") from error
    except KeyError as error:
        raise MalformedRecord(f"{name}: the field {error} is missing") from error
    except (TypeError, AttributeError, ValueError, IndexError, OverflowError, OSError) as error:
        raise MalformedRecord(f"{name}: a field has the wrong type or value: {error}") from error
    return events or Skipped(f"{name}: no post in it")
