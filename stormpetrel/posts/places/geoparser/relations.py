"""Where a post says that something is, as seen from a place it names: near it, 10 km north of it, between two."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from stormpetrel.core.cells import EARTH_RADIUS_KM, distance_km
from stormpetrel.posts.places.tagger.recogniser import Mention

BEARINGS = {
    "north": 0,
    "northeast": 45,
    "east": 90,
    "southeast": 135,
    "south": 180,
    "southwest": 225,
    "west": 270,
    "northwest": 315,
}
OF = re.compile(
    r"(?:(\d{1,3}(?:\.\d)?)\s*(km|kilomet\w+|mi|miles?)\s+(?:to the\s+)?)?"
    r"\b(north|south)?[ -]?(east|west)?\s+of\s+#?$",
    re.IGNORECASE,
)
NEAR = re.compile(r"\b(?:near|nearby|close to|outside|vicino a|cerca de|perto de|près de|lähellä)\s+#?$", re.I)
BETWEEN, AND = re.compile(r"\bbetween\s+#?$", re.I), re.compile(r"^\s+and\s+#?$", re.I)
MILE_KM = 1.609
WIDER = 2.0  # "near": how much wider the place's radius is
WIDEST_GAP_KM = 300.0


def seen_from(
    text: str, mention: Mention, longitude: float, latitude: float, radius_km: float
) -> tuple[str, float, float, float] | None:
    """(what is said, longitude, latitude, radius in km) of what lies near or off a place; None where nothing is
    said."""
    before = text[max(0, mention.start - 60) : mention.start]
    off = OF.search(before)
    if off and (off[3] or off[4]):
        bearing = f"{off[3] or ''}{off[4] or ''}".lower()
        km = float(off[1]) * (MILE_KM if off[2].lower().startswith("mi") else 1.0) if off[1] else radius_km
        lon, lat = _moved(longitude, latitude, BEARINGS[bearing], km)
        return off[0].rstrip(" #").strip(), lon, lat, max(radius_km, km / 2)
    if NEAR.search(before):
        return "near", longitude, latitude, radius_km * WIDER
    return None


def is_between(text: str, first: Mention, second: Mention) -> bool:
    """Whether the post says "between FIRST and SECOND"."""
    before = text[max(0, first.start - 20) : first.start]
    return bool(BETWEEN.search(before) and AND.match(text[first.end : second.start]))


def middle(points: Sequence[tuple[float, float]]) -> tuple[float, float, float] | None:
    """(longitude, latitude, radius in km) of what lies between two points; None where they are too far apart."""
    (lon1, lat1), (lon2, lat2) = points
    km = float(distance_km(lon1, lat1, [lon2], [lat2])[0])
    if km > WIDEST_GAP_KM or abs(lon1 - lon2) > 180:
        return None
    return (lon1 + lon2) / 2, (lat1 + lat2) / 2, max(1.0, km / 2)


def _moved(longitude: float, latitude: float, bearing: float, km: float) -> tuple[float, float]:
    """The point at a distance and bearing from another, on the sphere."""
    angle, course = km / EARTH_RADIUS_KM, math.radians(bearing)
    lat, lon = math.radians(latitude), math.radians(longitude)
    there = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(course))
    across = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
    )
    return (math.degrees(lon + across) + 180) % 360 - 180, math.degrees(there)
