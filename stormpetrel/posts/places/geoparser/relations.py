"""Spatial relations to a named place: near it, 10 km north of it, between two."""

from __future__ import annotations

import math
import re

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
DIRECTION_OF = re.compile(
    r"(?:(\d{1,3}(?:\.\d)?)\s*(km|kilomet\w+|mi|miles?)\s+(?:to the\s+)?)?"
    r"\b(north|south)?[ -]?(east|west)?\s+of\s+#?$",
    re.IGNORECASE,
)
NEAR = re.compile(r"\b(?:near|nearby|close to|outside|vicino a|cerca de|perto de|près de|lähellä)\s+#?$", re.I)
BETWEEN, AND = re.compile(r"\bbetween\s+#?$", re.I), re.compile(r"^\s+and\s+#?$", re.I)
MILE_KM = 1.609
NEAR_FACTOR = 2.0  # "near": how much larger the radius becomes
MAX_GAP_KM = 300.0


def relative_location(
    text: str, mention: Mention, longitude: float, latitude: float, radius_km: float
) -> tuple[str, float, float, float] | None:
    """(relation in the text, longitude, latitude, radius in km) of a location near a place or in a direction from it;
    None where the text before the mention has no relation."""
    before = text[max(0, mention.start - 60) : mention.start]
    relation = DIRECTION_OF.search(before)
    if relation and (relation[3] or relation[4]):
        km = radius_km
        if relation[1]:
            km = float(relation[1]) * (MILE_KM if relation[2].lower().startswith("mi") else 1.0)
        bearing = BEARINGS[f"{relation[3] or ''}{relation[4] or ''}".lower()]
        lon, lat = _destination(longitude, latitude, bearing, km)
        return relation[0].rstrip(" #").strip(), lon, lat, max(radius_km, km / 2)
    if NEAR.search(before):
        return "near", longitude, latitude, radius_km * NEAR_FACTOR
    return None


def is_between(text: str, first: Mention, second: Mention) -> bool:
    """Whether the post says "between FIRST and SECOND"."""
    before = text[max(0, first.start - 20) : first.start]
    return bool(BETWEEN.search(before) and AND.match(text[first.end : second.start]))


def midpoint(lon1: float, lat1: float, lon2: float, lat2: float) -> tuple[float, float, float] | None:
    """(longitude, latitude, radius in km) of the area between two points; None where they are too far apart."""
    km = float(distance_km(lon1, lat1, [lon2], [lat2])[0])
    if km > MAX_GAP_KM or abs(lon1 - lon2) > 180:
        return None
    return (lon1 + lon2) / 2, (lat1 + lat2) / 2, max(1.0, km / 2)


def _destination(longitude: float, latitude: float, bearing: float, km: float) -> tuple[float, float]:
    """The point at a distance and bearing (degrees) from another, on the sphere."""
    angle, course = km / EARTH_RADIUS_KM, math.radians(bearing)
    lat, lon = math.radians(latitude), math.radians(longitude)
    new_lat = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(course))
    delta_lon = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(new_lat)
    )
    return (math.degrees(lon + delta_lon) + 180) % 360 - 180, math.degrees(new_lat)
