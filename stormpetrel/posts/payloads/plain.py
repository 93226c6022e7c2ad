"""Plain JSON lines, the format of research datasets: `{"id", "text", "created_at"}`, and optionally `lang`,
`author_id`, `author_place`, `longitude`, `latitude`, `url` and `media` (a list of photos' URLs). Other fields are
ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stormpetrel.core.events import Media, NativePlace, Post
from stormpetrel.posts.payloads.fields import Json, identifier, moment


def recognises(record: Json) -> bool:
    return "text" in record


def normalise(record: Json, ingested_at: datetime) -> Iterator[Post]:
    """One post. Its point is `longitude`/`latitude`, `lon`/`lat`, or a GeoJSON `coordinates`."""
    yield Post(
        post_id=identifier("file", str(record["id"]).removeprefix("file:")),
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


def _media(entries: Any) -> Iterator[Media]:
    for entry in entries if isinstance(entries, list) else []:
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
