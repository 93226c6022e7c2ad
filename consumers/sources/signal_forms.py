"""The forms of official signals, each normalised to `Signal`: entries of RSS and Atom (GDACS's too), and CAP 1.2.

A time without a zone is UTC. What a form lacks stays empty; what is no signal raises MalformedRecord.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from pydantic import ValidationError

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Signal

CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
GDACS_KINDS = {"FL": "flood", "TC": "storm", "EQ": "earthquake", "WF": "wildfire", "VO": "volcano", "DR": "drought"}
WORDS_OF_KINDS = {
    "flood": ("flood", "inundat", "high water"),
    "storm": ("storm", "cyclone", "hurricane", "typhoon", "tornado", "wind"),
    "earthquake": ("earthquake", "seismic"),
    "wildfire": ("fire",),
}
SEVERITIES = {"extreme": "red", "severe": "orange", "moderate": "yellow", "minor": "green"}


def signal_of_entry(feed: str, entry: dict[str, Any]) -> Signal:
    """A signal of an entry as `feedparser` reads it. Raises MalformedRecord."""
    title = str(entry.get("title") or "")
    identity = str(entry.get("id") or entry.get("link") or title)
    if not identity:
        raise MalformedRecord(f"{feed}: an entry without id, link and title")
    event = "".join(str(entry.get(name) or "") for name in ("gdacs_eventtype", "gdacs_eventid"))
    fields = {
        "signal_id": f"gdacs:{event}" if event else f"feed:{_digest(feed, identity)}",
        "feed": feed,
        "kind": GDACS_KINDS.get(str(entry.get("gdacs_eventtype"))) or _kind_in(title),
        "title": title[:2000],
        "summary": str(entry.get("summary") or "")[:20_000] or None,
        "level": _level(entry.get("gdacs_alertlevel")),
        "point": _point(entry),
        "countries": tuple(filter(None, [str(entry.get("gdacs_iso3") or "")])),
        "begins_at": _moment(entry.get("gdacs_fromdate")),
        "ends_at": _moment(entry.get("gdacs_todate")),
        "published_at": _moment(entry.get("updated") or entry.get("published")) or now(),
        "ingested_at": now(),
        "url": entry.get("link") or None,
    }
    return _signal(fields)


def signal_of_cap(feed: str, document: bytes) -> Signal:
    """A signal of a CAP 1.2 alert: its first `info`. Raises MalformedRecord where it is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        alert = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise MalformedRecord(f"{feed}: no XML: {error}") from error
    if alert.tag != f"{CAP}alert":
        raise MalformedRecord(f"{feed}: the document is {alert.tag!r}, and not a CAP 1.2 alert")
    info = alert.find(f"{CAP}info")
    areas = [] if info is None else info.findall(f"{CAP}area")
    identity = _first_of(_text(alert, "references")) or _text(alert, "identifier")
    fields = {
        "signal_id": f"cap:{_digest(_text(alert, 'sender'), identity)}",
        "feed": feed,
        "kind": _kind_in(_text(info, "event")),
        "title": (_text(info, "headline") or _text(info, "event") or _text(alert, "msgType"))[:2000],
        "summary": _text(info, "description")[:20_000] or None,
        "level": SEVERITIES.get(_text(info, "severity").lower()),
        "polygons": tuple(_ring(text.text or "") for area in areas for text in area.findall(f"{CAP}polygon")),
        "circles": tuple(_circle(text.text or "") for area in areas for text in area.findall(f"{CAP}circle")),
        "begins_at": _moment(_text(info, "onset") or _text(info, "effective")),
        "ends_at": _moment(_text(info, "expires")),
        "published_at": _moment(_text(alert, "sent")) or now(),
        "ingested_at": now(),
        "url": _text(info, "web") or None,
        "withdrawn": _text(alert, "msgType").lower() == "cancel",
    }
    return _signal(fields)


def _text(element: Any, name: str) -> str:
    """The text of a part of a CAP element; empty where it has none."""
    return "" if element is None else (element.findtext(f"{CAP}{name}") or "").strip()


def _signal(fields: dict[str, Any]) -> Signal:
    try:
        return Signal.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise MalformedRecord(f"{fields['feed']}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _first_of(references: str) -> str:
    """The identifier of the first alert that an update refers to: `sender,identifier,sent ...`."""
    parts = references.split()[0].split(",") if references.split() else []
    return parts[1] if len(parts) == 3 else ""


def _kind_in(text: str) -> str | None:
    lowered = text.lower()
    return next((kind for kind, words in WORDS_OF_KINDS.items() if any(word in lowered for word in words)), None)


def _level(value: Any) -> str | None:
    lowered = str(value or "").lower()
    return lowered if lowered in ("red", "orange", "green") else None


def _moment(value: Any) -> datetime | None:
    """ISO 8601, or RFC 822 as RSS has it; None where it is neither."""
    from email.utils import parsedate_to_datetime

    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(str(value or ""))
        except (ValueError, TypeError, IndexError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _point(entry: dict[str, Any]) -> tuple[float, float] | None:
    where = entry.get("where")
    if isinstance(where, dict) and where.get("type") == "Point":
        longitude, latitude = where["coordinates"][:2]
        return float(longitude), float(latitude)
    try:
        return float(entry["geo_long"]), float(entry["geo_lat"])
    except (KeyError, TypeError, ValueError):
        return None


def _ring(text: str) -> tuple[tuple[float, float], ...]:
    """CAP's "latitude,longitude ..." as longitude, latitude. Raises MalformedRecord."""
    try:
        pairs = [pair.split(",") for pair in text.split()]
        return tuple((float(longitude), float(latitude)) for latitude, longitude in pairs)
    except ValueError as error:
        raise MalformedRecord(f"a polygon of a CAP alert cannot be read: {text[:80]!r}") from error


def _circle(text: str) -> tuple[float, float, float]:
    """CAP's "latitude,longitude radius" as longitude, latitude, kilometres. Raises MalformedRecord."""
    try:
        centre, radius = text.split()
        latitude, longitude = centre.split(",")
        return float(longitude), float(latitude), float(radius)
    except ValueError as error:
        raise MalformedRecord(f"a circle of a CAP alert cannot be read: {text[:80]!r}") from error
