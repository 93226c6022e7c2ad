"""Plain JSON lines: `{"id", "text", "created_at"}`, and if known `lang`, `author_id`, `longitude`, `latitude`,
`media` (a list of photos' URLs).

Research sets come in this form; fields that we do not know are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stormpetrel.core.events import Media, NativePlace, Post
from stormpetrel.posts.payloads.times import moment

Json = dict[str, Any]
SCHEME = re.compile(r"^file:")


def recognises(record: Json) -> bool:
    return "text" in record


def normalise(record: Json, ingested_at: datetime) -> Iterator[Post]:
    """One post. A point may stand as `longitude`/`latitude`, `lon`/`lat`, or a GeoJSON `coordinates`."""
    own = str(record["id"])
    if not own:
        raise ValueError("the id is empty")
    yield Post(
        post_id=own if SCHEME.match(own) else f"file:{own}",
        source="file",
        text=record["text"],
        created_at=moment(record["created_at"]),
        ingested_at=ingested_at,
        author_id=str(record["author_id"]) if record.get("author_id") else None,
        author_place=record.get("author_place"),
        declared_language=record.get("lang") or record.get("language"),
        native_place=_native_place(record),
        media=tuple(_media(record.get("media"))),
        url=record.get("url"),
    )


def _media(given: Any) -> Iterator[Media]:
    for entry in given if isinstance(given, list) else []:
        url = entry.get("url") if isinstance(entry, dict) else entry
        if isinstance(url, str):
            yield Media(kind="photo", url=url)


def _native_place(record: Json) -> NativePlace | None:
    point = record.get("coordinates")
    if isinstance(point, dict):
        point = point.get("coordinates")
    if not point:
        longitude = record.get("longitude", record.get("lon"))
        latitude = record.get("latitude", record.get("lat"))
        if longitude is None or latitude is None:
            return None
        point = (longitude, latitude)
    return NativePlace(longitude=point[0], latitude=point[1])
