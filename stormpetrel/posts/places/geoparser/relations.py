"""Spatial relations to a named place: near it, 10 km north of it, between two."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from stormpetrel.core.cells import EARTH_RADIUS_KM, distance_km
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate
from stormpetrel.posts.places.tagger.recogniser import Mention

COMPASS = "north northeast east southeast south southwest west northwest"
BEARINGS = {direction: 45 * step for step, direction in enumerate(COMPASS.split())}
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


class Location(NamedTuple):
    """A point (degrees, WGS 84) and the radius around it."""

    longitude: float
    latitude: float
    radius_km: float


def relative_location(text: str, mention: Mention, place: Candidate) -> tuple[str, Location] | None:
    """(relation in the text, location) near a place or in a direction from it; None where the text before the mention
    has no relation."""
    before = text[max(0, mention.start - 60) : mention.start]
    relation = DIRECTION_OF.search(before)
    if relation and (relation[3] or relation[4]):
        km = place.radius_km
        if relation[1]:
            km = float(relation[1]) * (MILE_KM if relation[2].lower().startswith("mi") else 1.0)
        bearing = BEARINGS[f"{relation[3] or ''}{relation[4] or ''}".lower()]
        point = _destination(place.longitude, place.latitude, bearing, km)
        return relation[0].rstrip(" #").strip(), Location(*point, round(max(place.radius_km, km / 2), 1))
    if NEAR.search(before):
        return "near", Location(place.longitude, place.latitude, round(place.radius_km * NEAR_FACTOR, 1))
    return None


def is_between(text: str, first: Mention, second: Mention) -> bool:
    """Whether the post says "between FIRST and SECOND"."""
    before = text[max(0, first.start - 20) : first.start]
    return bool(BETWEEN.search(before) and AND.match(text[first.end : second.start]))


def midpoint(first: Candidate, second: Candidate) -> Location | None:
    """The area between two places; None where they are too far apart."""
    km = float(distance_km(first.longitude, first.latitude, [second.longitude], [second.latitude])[0])
    if km > MAX_GAP_KM or abs(first.longitude - second.longitude) > 180:
        return None
    longitude, latitude = (first.longitude + second.longitude) / 2, (first.latitude + second.latitude) / 2
    return Location(longitude, latitude, round(max(1.0, km / 2), 1))


def _destination(longitude: float, latitude: float, bearing: float, km: float) -> tuple[float, float]:
    """The point at a distance and bearing (degrees) from another, on the sphere."""
    angle, course = km / EARTH_RADIUS_KM, math.radians(bearing)
    lat, lon = math.radians(latitude), math.radians(longitude)
    new_lat = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(course))
    delta_lon = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(new_lat)
    )
    return (math.degrees(lon + delta_lon) + 180) % 360 - 180, math.degrees(new_lat)
