"""Places by name, from the gazetteer: where a name lies, who else bears it, and the town that a cell lies in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import h3
from pydantic import BaseModel, Field

from stormpetrel.core.errors import BadQuery, SetupError
from stormpetrel.core.events import is_area
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer, fold

ALTERNATE_WEIGHT = 0.02  # of a place whose alternate name it is: Genova is Genoa's, but Olbia not Antalya's
AREA_WEIGHT = 0.1  # of a division beside a city of its name: who says New York means the city
MOST_ALTERNATIVES = 5
DIVISION_CODE = re.compile(r"[A-Za-z]{2}\.[A-Za-z0-9]+")


class OtherPlace(BaseModel):
    """A place that bears the same name."""

    name: str
    longitude: float
    latitude: float
    kind: str
    country_code: str | None
    division: str | None = Field(description="The name of its first-order division")
    population: int


class NamedPlace(OtherPlace):
    """The place that a name was taken for, and others that bear the name; `query` is the name as it was given."""

    query: str
    radius_km: float = Field(description="The place's own extent; a search is not limited by it")
    alternatives: list[OtherPlace] = Field(
        default=[], description="Name one with its division or country: Springfield, Illinois"
    )


class PlaceNames:
    """`open_gazetteer` is called with the first name. Threads may share it."""

    def __init__(self, open_gazetteer: Callable[[], Gazetteer]) -> None:
        self._open_gazetteer = open_gazetteer
        self.cell_name = lru_cache(10_000)(self._cell_name)

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """Raises SetupError where there is none and none can be built."""
        return self._open_gazetteer()

    def near(self, name: str) -> NamedPlace:
        """The place of a name: the most populous city, unless a division or country follows after a comma.

        Raises BadQuery where no place bears the name, or where it is too large to be near to.
        """
        candidates = self._candidates(name)
        best = candidates[0]
        if is_area(best.kind, best.radius_km):
            code = best.country_code if best.kind == "country" else f"{best.country_code}.{best.admin1_code}"
            filters = {"country": f"filters.countries: [{code!r}]", "admin1": f"filters.divisions: [{code!r}]"}
            problem = f"{best.name} is {best.radius_km:,.0f} km wide each way: nothing is near to it"
            raise BadQuery("near", problem, f"Give {filters.get(best.kind, 'a box')}, or the name of a town there")
        first, *others = _told_apart(list(map(self._fields, candidates)))
        fields, radius_km = first.model_dump(), round(best.radius_km, 1)
        return NamedPlace(**fields, query=name, radius_km=radius_km, alternatives=others[:MOST_ALTERNATIVES])

    def division_code(self, name: str) -> str:
        """The code of a first-order division, such as IT.08, by its name or code. Raises BadQuery."""
        if DIVISION_CODE.fullmatch(name):
            country, _, division = name.upper().partition(".")
            if self.gazetteer.division(country, division) is None:
                raise _unknown("filters.divisions", name)
            return f"{country}.{division}"
        place, _, country = (part.strip() for part in name.rpartition(","))
        candidates = [c for c in self.gazetteer.candidates(place or country, 100) if c.kind == "admin1"]
        fitting = [c for c in candidates if not place or c.country_code in self._codes(country)]
        if not fitting:
            raise _unknown("filters.divisions", name)
        best = max(fitting, key=_weight)
        return f"{best.country_code}.{best.admin1_code}"

    def _candidates(self, name: str) -> list[Candidate]:
        """The places of a name, the likeliest first."""
        candidates = self.gazetteer.candidates(name, 100)
        if not candidates and "," in name:
            place, _, part = (text.strip() for text in name.rpartition(","))
            codes = self._codes(part)
            candidates = [
                c
                for c in self.gazetteer.candidates(place, 100)
                if c.country_code in codes or f"{c.country_code}.{c.admin1_code}" in codes
            ]
        if not candidates:
            raise _unknown("near", name)
        return sorted(candidates, key=lambda candidate: (-_weight(candidate), candidate.geonames_id))

    def _codes(self, name: str) -> set[str]:
        """The codes of the countries and first-order divisions with this name or country code."""
        named = [c for c in self.gazetteer.candidates(name, 100) if c.kind in ("country", "admin1")]
        codes = {c.country_code if c.kind == "country" else f"{c.country_code}.{c.admin1_code}" for c in named}
        return codes | ({name.upper()} if re.fullmatch("[A-Za-z]{2}", name) else set())

    def _fields(self, candidate: Candidate) -> OtherPlace:
        division = self.gazetteer.division(candidate.country_code, candidate.admin1_code or "")
        return OtherPlace(
            name=candidate.name,
            longitude=round(candidate.longitude, 5),
            latitude=round(candidate.latitude, 5),
            kind=candidate.kind,
            country_code=candidate.country_code or None,
            division=division.name if division and candidate.admin1_code else None,
            population=candidate.population,
        )

    def _cell_name(self, cell: str) -> str | None:
        """The town nearest to the middle of an H3 cell, with its country's code; None without a gazetteer."""
        latitude, longitude = h3.cell_to_latlng(cell)
        try:
            city = self.gazetteer.nearest_city(longitude, latitude)
        except SetupError:
            return None
        return f"{city.name}, {city.country_code}"


def _told_apart(places: Sequence[OtherPlace]) -> list[OtherPlace]:
    """The places that their division tells apart, the likeliest of each: a district or a station that bears its town's
    name is no other place to name."""
    first: dict[tuple[str | None, ...], OtherPlace] = {}
    for place in places:
        first.setdefault((place.name, place.division, place.country_code), place)
    return list(first.values())


def _weight(candidate: Candidate) -> float:
    weight = ALTERNATE_WEIGHT if candidate.alternate else 1.0
    if candidate.kind not in ("city", "point"):
        weight *= AREA_WEIGHT
    return weight * (candidate.population + 1)


def _unknown(field: str, name: str) -> BadQuery:
    remedy = "Check its spelling, name the next larger town, or give longitude and latitude"
    if field != "near":
        remedy = "Give a first-order division by its name or GeoNames code, such as Liguria or IT.08"
    return BadQuery(field, f"the gazetteer knows no place named {fold(name) and name!r}", remedy)
