"""Posts with place names labelled by people: IDRISI (CC BY 4.0), GeoCorpora (MIT), or any folder of the same layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError

PARTS = ("mentions", "resolved")


@dataclass(frozen=True)
class GoldMention:
    """A labelled name, `text[start:end]`; where it is linked, also its place's point (degrees), bounding box (south,
    north, west, east) and country."""

    start: int
    end: int
    kind: str = ""
    longitude: float | None = None
    latitude: float | None = None
    box: tuple[float, float, float, float] | None = None
    country: str = ""


@dataclass(frozen=True)
class LabelledPost:
    """A post with all its mentions, in the order of the text, without overlaps."""

    text: str
    mentions: tuple[GoldMention, ...]
    event: str
    language: str
    created_at: str
    has_event: bool = True  # or else it is one of a set of posts about many events

    @property
    def text_hash(self) -> int:
        """64 bits of a digest of the text, by which a post is known without its text."""
        return int.from_bytes(hashlib.blake2b(self.text.encode(), digest_size=8).digest(), "little")

    @property
    def linked(self) -> tuple[GoldMention, ...]:
        """The mentions that have a point."""
        return tuple(mention for mention in self.mentions if mention.latitude is not None)


def read_recognition(data: Path) -> list[LabelledPost]:
    """The posts with labelled names: of IDRISI `mentions/`, of GeoCorpora all. Raises SetupError without any."""
    return _read(data, "mentions")


def read_resolution(data: Path) -> list[LabelledPost]:
    """The posts with linked names: of IDRISI `resolved/`, of GeoCorpora all. Raises SetupError without any."""
    return _read(data, "resolved")


def _read(data: Path, part: str) -> list[LabelledPost]:
    posts = [post for file in _files(data, part) for post in _posts(file)]
    if not posts:
        raise SetupError(f"nothing in {data} has the layout of tweets_idrisi or tweets_geocorpora")
    return posts


def _files(data: Path, part: str) -> Iterator[Path]:
    """The files in `part/` of the folder and of its subfolders; a folder without parts holds its files itself."""
    for folder in (data, *sorted(path for path in data.iterdir() if path.is_dir() and path.name not in PARTS)):
        if (folder / part).is_dir():
            yield from sorted((folder / part).glob("*.jsonl"))
        elif not any((folder / other).is_dir() for other in PARTS):
            yield from sorted(folder.glob("*.jsonl"))


def _posts(file: Path) -> Iterator[LabelledPost]:
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("location_mentions"), list) and record.get("text"):
            language = str(record.get("lang") or "en")
            mentions = tuple(_without_overlap(_mentions(record)))
            event = f"{language}_{record['event']}" if record.get("event") else file.stem
            moment = str(record.get("created_at") or "")
            yield LabelledPost(str(record["text"]), mentions, event, language, moment, bool(record.get("event")))


def _mentions(record: dict[str, Any]) -> Iterator[GoldMention]:
    text = record["text"]
    for mention in record["location_mentions"]:
        start, end = mention.get("start"), mention.get("end")
        if start is None or end is None or not mention.get("offset_ok", True) or not 0 <= start < end <= len(text):
            continue
        longitude, latitude = (None if mention.get(key) is None else float(mention[key]) for key in ("lon", "lat"))
        sides = mention.get("boundingbox")
        box: Any = tuple(map(float, sides)) if isinstance(sides, list) and len(sides) == 4 else None
        kind, country = str(mention.get("type") or ""), str(mention.get("country_code") or "").upper()
        yield GoldMention(int(start), int(end), kind, longitude, latitude, box, country)


def _without_overlap(mentions: Iterable[GoldMention]) -> Iterator[GoldMention]:
    end = 0
    for mention in sorted(mentions, key=lambda mention: (mention.start, -mention.end)):
        if mention.start >= end:
            end = mention.end
            yield mention
