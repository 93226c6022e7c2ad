"""Posts whose names of places were marked by hand: IDRISI (CC BY 4.0), GeoCorpora (MIT), or any folder like theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError

WIDE = ("mentions", "resolved")


@dataclass(frozen=True)
class GoldMention:
    """A name in a text and, where it was linked, the point that it stands for (degrees) and its box (south, north,
    west, east)."""

    start: int
    end: int
    kind: str = ""
    longitude: float | None = None
    latitude: float | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class LabelledPost:
    """A post with all its mentions, in the order of the text, none overlapping another."""

    text: str
    mentions: tuple[GoldMention, ...]
    event: str
    language: str
    created_at: str


def read_recognition(data: Path) -> list[LabelledPost]:
    """The posts on which names were marked: of IDRISI `mentions/`, of GeoCorpora all. Raises SetupError where there are
    none."""
    return _read(data, "mentions")


def read_resolution(data: Path) -> list[LabelledPost]:
    """The posts whose names were linked to points: of IDRISI `resolved/`, of GeoCorpora all."""
    return _read(data, "resolved")


def _read(data: Path, part: str) -> list[LabelledPost]:
    found = [post for file in _files(data, part) for post in _posts(file)]
    if not found:
        raise SetupError(f"nothing in {data} is laid out like tweets_idrisi or tweets_geocorpora")
    return found


def _files(data: Path, part: str) -> Iterator[Path]:
    """JSON lines in `part/` of the folder or of a folder in it, or beside no such parts."""
    for folder in (data, *sorted(path for path in data.iterdir() if path.is_dir() and path.name not in WIDE)):
        if (folder / part).is_dir():
            yield from sorted((folder / part).glob("*.jsonl"))
        elif not any((folder / other).is_dir() for other in WIDE):
            yield from sorted(folder.glob("*.jsonl"))


def _posts(file: Path) -> Iterator[LabelledPost]:
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("location_mentions"), list) and record.get("text"):
            language = str(record.get("lang") or "en")
            mentions = tuple(_without_overlap(list(_mentions(record))))
            event = f"{language}_{record['event']}" if record.get("event") else file.stem
            yield LabelledPost(str(record["text"]), mentions, event, language, str(record.get("created_at") or ""))


def _mentions(record: dict[str, Any]) -> Iterator[GoldMention]:
    text = record["text"]
    for mention in record["location_mentions"]:
        start, end = mention.get("start"), mention.get("end")
        if start is None or end is None or not mention.get("offset_ok", True) or not 0 <= start < end <= len(text):
            continue
        lon, lat = mention.get("lon"), mention.get("lat")
        yield GoldMention(
            int(start),
            int(end),
            str(mention.get("type") or ""),
            None if lon is None else float(lon),
            None if lat is None else float(lat),
            _box(mention.get("boundingbox")),
        )


def _box(given: Any) -> tuple[float, float, float, float] | None:
    if not isinstance(given, list) or len(given) != 4:
        return None
    south, north, west, east = map(float, given)
    return south, north, west, east


def _without_overlap(mentions: Sequence[GoldMention]) -> Iterator[GoldMention]:
    last = 0
    for mention in sorted(mentions, key=lambda one: (one.start, -one.end)):
        if mention.start >= last:
            last = mention.end
            yield mention
