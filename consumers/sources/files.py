"""Replays files of posts: as fast as possible, in real time by the posts' own times, or any number of times faster."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadPicture, MalformedRecord, SetupError
from stormpetrel.core.events import PostDeleted
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.posts.photos.photo_file import data_url_of
from stormpetrel.posts.post_publisher import PostPublisher

SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


class Line(NamedTuple):
    """One record as it stands in a file."""

    raw: bytes
    provenance: str


def files_in(path: Path) -> list[Path]:
    """The files of posts at `path`: itself, or all JSON-lines files below it, in the order of their names.

    Raises SetupError where there is none.
    """
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(SUFFIXES))
    if not files:
        raise SetupError(f"no posts in {path}: give a file, or a folder with {', '.join(SUFFIXES)} files in it")
    return files


def lines(files: Sequence[Path]) -> Iterator[Line]:
    """Every record of the files; empty lines (keep-alives of a captured stream) are none. Photos that a record names
    by a path beside its file come with it."""
    for file in files:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if raw.strip():
                    yield Line(with_photos(raw.rstrip(b"\r\n"), file.parent), f"{file.name}:{number}")


def with_photos(raw: bytes, folder: Path) -> bytes:
    """A plain record whose `media` are paths in `folder`, with the pictures in their place as `data:` URLs.

    A path that leads out of the folder, or to what is no picture, is left as it is: nobody will fetch it.
    """
    if b'"media"' not in raw:
        return raw
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw  # the publisher dead-letters it
    if not isinstance(record, dict) or not isinstance(record.get("media"), list):
        return raw
    record["media"] = [_embedded(entry, folder) for entry in record["media"]]
    return orjson.dumps(record)


def _embedded(entry: Any, folder: Path) -> Any:
    if not isinstance(entry, str) or ":" in entry:
        return entry
    file = (folder / entry).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        return entry
    try:
        return data_url_of(file.read_bytes())
    except BadPicture:
        return entry


def _event_second(line: Line) -> float | None:
    """When the record's first post was made, in seconds since 1970; None where the record has none."""
    try:
        events = read(line.raw, now())
    except MalformedRecord:
        return None
    if isinstance(events, Skipped):
        return None
    return (events[0].deleted_at if isinstance(events[0], PostDeleted) else events[0].created_at).timestamp()


def in_time_order(records: Iterable[Line]) -> list[tuple[float, Line]]:
    """(event time in seconds, record), sorted; a record without a time keeps the place after its forerunner."""
    last, timed = float("-inf"), []
    for line in records:
        second = _event_second(line)
        last = second if second is not None else last
        timed.append((last, line))
    return sorted(timed, key=lambda pair: pair[0])


def replay(
    files: Sequence[Path],
    publisher: PostPublisher,
    speed: float | None,
    on_progress: Callable[[int], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Publishes every record of the files, and returns when the broker holds them all.

    `speed` of None is as fast as possible, in the order of the files; 1 is real time; 60 plays an hour in a minute.
    """
    records = zip(repeat(float("-inf")), lines(files)) if speed is None else iter(in_time_order(lines(files)))
    started, first = time.monotonic(), None
    for count, (second, line) in enumerate(records, start=1):
        if speed is not None and isfinite(second):
            first = second if first is None else first
            sleep(max(0.0, (second - first) / speed - (time.monotonic() - started)))
        publisher.take(line.raw, line.provenance)
        if speed is not None or count % 100 == 0:
            on_progress(count)
    publisher.flush()
