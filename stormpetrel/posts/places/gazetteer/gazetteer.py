"""Place names and the places that they may stand for, in memory-mapped files: they take little memory and open at once.
`sources.py` reads the rows, `gazetteer_file.py` writes the files."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, get_args

import marisa_trie
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import SetupError

Kind = Literal["city", "admin2", "admin1", "country", "region", "point"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMAT = 3  # of the files; those of another format are built again
NAMES, PLACES, STARTS, MEMBERS = "names.marisa", "places.npy", "starts.npy", "members.npy"
TEXTS, MANIFEST = "texts.bin", "manifest.json"
ALTERNATE = np.uint32(1 << 31)  # set on a member: the name is an alternate name of the place
COLUMNS = "geonames_id longitude latitude population radius_km country admin1 admin2 kind text length"
TYPES = "<u4 <f4 <f4 <u4 <f4 S2 S8 S16 u1 <u4 u1"
ROW = np.dtype(list(zip(COLUMNS.split(), TYPES.split(), strict=True)))
KILOMETRES_A_DEGREE = 111.0  # of latitude, a little less than it is
CACHE_SIZE = 5000  # names with their candidates: the posts of an event repeat the same names
LONGEST_NAME = 200  # characters as written; so the cache stays small
SPACES = re.compile(r"[\s_\-‐‑–’'`.]+")
# Letters that people write for one another and that Unicode does not decompose; the Arabic tatweel is only a line.
SAME_LETTERS = str.maketrans({**dict(zip("ةىیکıøłđ", "هييكiold", strict=True)), "ـ": None})


@dataclass(frozen=True)
class Candidate:
    """A place that a name may stand for: a point (degrees, WGS 84), and the place's radius around it. Of the kind
    `point` is what has no inhabitants of its own: a river, an island, a street, an airport.

    `alternate`: the name is an alternate name of the place, not its main one.
    """

    geonames_id: int
    name: str
    longitude: float
    latitude: float
    country_code: str
    admin1_code: str | None
    admin2_code: str | None
    population: int
    kind: Kind
    radius_km: float
    alternate: bool = False


def fold(name: str) -> str:
    """The form in which names are compared: case, compatibility forms, accents and letters that stand for one another
    folded; hyphens and apostrophes as spaces.

    >>> fold("São-Tomé"), fold("St. John’s"), fold("ΑΘΉΝΑ")
    ('sao tome', 'st john s', 'αθηνα')
    """
    if name.isascii():  # most names: nothing to decompose
        return SPACES.sub(" ", name.lower()).strip()
    decomposed = unicodedata.normalize("NFKD", name).casefold().translate(SAME_LETTERS)
    plain = "".join(letter for letter in decomposed if unicodedata.category(letter) not in ("Mn", "Cf"))
    return SPACES.sub(" ", plain).strip()


class Gazetteer:
    """Folded name -> the places it may stand for, the most populous first. Threads may share it."""

    def __init__(self, directory: Path) -> None:
        """Opens the gazetteer of a folder. Raises SetupError where there is none of this format."""
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise ValueError(f"its format is {manifest['format']}, not {FORMAT}")
            self._names = marisa_trie.Trie()
            self._names.mmap(str(directory / NAMES))
            # As plain arrays: numpy.memmap is slow to index.
            self._places, self._starts, self._members = (
                np.load(directory / name, mmap_mode="r").view(np.ndarray) for name in (PLACES, STARTS, MEMBERS)
            )
            self._texts = np.memmap(directory / TEXTS, np.uint8, "r").view(np.ndarray)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            remedy = "Build it with: stormpetrel places build"
            raise SetupError(f"no gazetteer in {directory} ({error}). {remedy}") from error
        self.version = str(manifest["version"])
        self._cached_candidates = lru_cache(CACHE_SIZE)(self._candidates)
        self._speakers = {language: frozenset(codes) for language, codes in manifest["speakers"].items()}

    def __len__(self) -> int:
        return len(self._names)

    def prefixes(self, folded: str) -> list[str]:
        """The names that a folded text begins with, the shortest first; they may end within a word."""
        return list(self._names.prefixes(folded))

    def rows(self, folded: str) -> NDArray[np.uint32]:
        """The members of a name: rows of places, the most populous first, with the flag `ALTERNATE`; uint32."""
        number = self._names.get(folded)
        start, end = (0, 0) if number is None else self._starts[number : number + 2]
        members: NDArray[np.uint32] = self._members[start:end]
        return members

    def candidates(self, name: str, limit: int = 30) -> list[Candidate]:
        """The places of a name in any spelling that folds to the same; none where it is unknown."""
        return list(self._cached_candidates(name, limit)) if len(name) <= LONGEST_NAME else []

    def _candidates(self, name: str, limit: int) -> list[Candidate]:
        return [self._candidate(member) for member in self.rows(fold(name))[:limit].tolist()]

    def _candidate(self, member: int) -> Candidate:
        row = self._places[member & ~int(ALTERNATE)].item()
        number, longitude, latitude, population, radius_km, *codes, kind, start, length = row
        name = bytes(self._texts[start : start + length]).decode()
        country, admin1, admin2 = (code.decode(errors="ignore") for code in codes)
        is_alternate = bool(member & int(ALTERNATE))
        place = number, name, longitude, latitude, country, admin1 or None, admin2 or None, population
        return Candidate(*place, KINDS[kind], radius_km, is_alternate)

    def speakers(self, language: str | None) -> frozenset[str]:
        """The countries where a language is spoken; none for English, which is used everywhere."""
        return frozenset() if language in (None, "en") else self._speakers.get(str(language), frozenset())

    def countries_of(self, language: str) -> frozenset[str]:
        """The countries where a language is the first one, English too."""
        return self._speakers.get(language, frozenset())

    def cities_in(self, countries: Iterable[str], least: int) -> list[tuple[str, int]]:
        """(name, population) of the cities of some countries that have at least so many people."""
        codes = np.array([country.encode() for country in countries], dtype="S2")
        is_there = np.isin(self._places["country"], codes) & (self._places["population"] >= least)
        rows = np.flatnonzero(is_there & (self._places["kind"] == KINDS.index("city")))
        return [(place.name, place.population) for place in map(self._candidate, rows.tolist())]

    @cached_property
    def _divisions(self) -> dict[tuple[str, str], Candidate]:
        rows = np.flatnonzero(np.isin(self._places["kind"], [KINDS.index("country"), KINDS.index("admin1")]))
        places = map(self._candidate, rows.tolist())
        return {(place.country_code, place.admin1_code or ""): place for place in places}

    def division(self, country: str, admin1: str = "") -> Candidate | None:
        """A country, or its first division, by code."""
        return self._divisions.get((country, admin1))

    @cached_property
    def _cities_by_latitude(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The latitudes of all cities, rising, and their rows."""
        rows = np.flatnonzero(self._places["kind"] == KINDS.index("city"))
        order = rows[np.argsort(self._places["latitude"][rows], kind="stable")]
        return self._places["latitude"][order].astype(np.float64), order

    def nearest_city(self, longitude: float, latitude: float) -> Candidate:
        """The populated place nearest to a point (degrees, WGS 84)."""
        latitudes, rows = self._cities_by_latitude
        reach = 0.25  # degrees of latitude: nothing outside is nearer than the nearest inside, if that is within reach
        while True:
            first, last = np.searchsorted(latitudes, (latitude - reach, latitude + reach))
            near = rows[first:last]
            points = (self._places[name][near] for name in ("longitude", "latitude"))
            kilometres = distance_km(longitude, latitude, *points)
            if reach >= 180 or (len(near) and kilometres.min() <= reach * KILOMETRES_A_DEGREE):
                return self._candidate(int(near[kilometres.argmin()]))
            reach *= 4

    def names_of(self, kind: Kind) -> tuple[list[str], NDArray[np.float64]]:
        """(names, populations) of all places of a kind; of cities, those of at least 1,000 people."""
        population = np.asarray(self._places["population"], dtype=np.float64)
        is_usable = population >= (1000 if kind == "city" else 0)
        rows = np.flatnonzero(is_usable & (self._places["kind"] == KINDS.index(kind)))
        return [self._candidate(row).name for row in rows.tolist()], population[rows]

    def features(self, folded: str) -> tuple[str, int, bool]:
        """(kind, population, whether it is the main name) of the largest place with this main name, else of the largest
        with this alternate name; ("", 0, False) where the name is unknown."""
        return self._features(self.rows(folded)[:1])

    def largest(self, folded: str) -> tuple[str, int, bool]:
        """The same of the largest place with this name, main or alternate."""
        return self._features(self.rows(folded))

    def _features(self, members: NDArray[np.uint32]) -> tuple[str, int, bool]:
        if not len(members):
            return "", 0, False
        # The places are in the order of population, so the first row is the largest.
        row = int((members & ~ALTERNATE).min())
        place = self._places[row]
        return KINDS[place["kind"]], int(place["population"]), row in members
