"""Place names and the places that they may stand for, in memory-mapped files: they take little memory and open at once.
`sources.py` reads the rows, `gazetteer_file.py` writes the files."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import marisa_trie
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import SetupError

Kind = Literal["city", "admin2", "admin1", "country", "region"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMAT = 2  # of the files; those of another format are built again
NAMES, PLACES, STARTS, MEMBERS, TEXTS, MANIFEST = (
    "names.marisa",
    "places.npy",
    "starts.npy",
    "members.npy",
    "texts.bin",
    "manifest.json",
)
ALTERNATE = np.uint32(1 << 31)  # set on a member: the name is an alternate name of the place
ROW = np.dtype(
    [
        ("geonames_id", "<u4"),
        ("longitude", "<f4"),
        ("latitude", "<f4"),
        ("population", "<u4"),
        ("radius_km", "<f4"),
        ("country", "S2"),
        ("admin1", "S8"),
        ("admin2", "S16"),
        ("kind", "u1"),
        ("text", "<u4"),
        ("length", "u1"),
    ]
)
CACHE_SIZE = 5000  # names with their candidates: the posts of an event repeat the same names
SPACES = re.compile(r"[\s_\-‐‑–’'`.]+")


@dataclass(frozen=True)
class Candidate:
    """A place that a name may stand for: a point (degrees, WGS 84), and the place's radius around it.

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
    """The form in which names are compared: case, compatibility forms and accents folded; hyphens and apostrophes as
    spaces.

    >>> fold("São-Tomé"), fold("St. John’s"), fold("ΑΘΉΝΑ")
    ('sao tome', 'st john s', 'αθηνα')
    """
    decomposed = unicodedata.normalize("NFKD", name).casefold()
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
            places, starts, members = (
                np.load(directory / name, mmap_mode="r").view(np.ndarray) for name in (PLACES, STARTS, MEMBERS)
            )
            self._texts = np.memmap(directory / TEXTS, np.uint8, "r").view(np.ndarray)
            self._places: NDArray[Any] = places
            self._starts: NDArray[np.uint32] = starts
            self._members: NDArray[np.uint32] = members
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            remedy = "Build it with: stormpetrel places build"
            raise SetupError(f"no gazetteer in {directory} ({error}). {remedy}") from error
        self.version = str(manifest["version"])
        self._cached_candidates = lru_cache(CACHE_SIZE)(self._candidates)
        self._speakers = {language: frozenset(codes) for language, codes in manifest["speakers"].items()}

    def __contains__(self, folded: object) -> bool:
        return folded in self._names

    def __len__(self) -> int:
        return len(self._names)

    def prefixes(self, folded: str) -> list[str]:
        """The names that a folded text begins with, the shortest first; they may end within a word."""
        names: list[str] = self._names.prefixes(folded)
        return names

    def rows(self, folded: str) -> NDArray[np.uint32]:
        """The members of a name: rows of places, the most populous first, with the flag `ALTERNATE`; uint32."""
        try:
            number = self._names[folded]
        except KeyError:
            return np.empty(0, dtype=np.uint32)
        return self._members[self._starts[number] : self._starts[number + 1]]

    def candidates(self, name: str, limit: int = 30) -> list[Candidate]:
        """The places of a name in any spelling that folds to the same; none where it is unknown."""
        return list(self._cached_candidates(name, limit))

    def _candidates(self, name: str, limit: int) -> tuple[Candidate, ...]:
        return tuple(self._candidate(int(member)) for member in self.rows(fold(name))[:limit])

    def _candidate(self, member: int) -> Candidate:
        row = self._places[member & ~int(ALTERNATE)]
        start = int(row["text"])
        return Candidate(
            int(row["geonames_id"]),
            bytes(self._texts[start : start + int(row["length"])]).decode(),
            float(row["longitude"]),
            float(row["latitude"]),
            row["country"].decode(),
            row["admin1"].decode() or None,
            row["admin2"].decode(errors="ignore") or None,
            int(row["population"]),
            KINDS[row["kind"]],
            float(row["radius_km"]),
            bool(member & int(ALTERNATE)),
        )

    def speakers(self, language: str | None) -> frozenset[str]:
        """The countries where a language is spoken; none for English, which is used everywhere."""
        return frozenset() if language in (None, "en") else self._speakers.get(str(language), frozenset())

    @cached_property
    def _divisions(self) -> dict[tuple[str, str], int]:
        kinds = np.asarray(self._places["kind"])
        rows = np.flatnonzero((kinds == KINDS.index("country")) | (kinds == KINDS.index("admin1")))
        keys = zip(self._places["country"][rows], self._places["admin1"][rows], strict=True)
        return {
            (country.decode(), admin1.decode()): int(row) for (country, admin1), row in zip(keys, rows, strict=True)
        }

    def division(self, country: str, admin1: str = "") -> Candidate | None:
        """A country, or its first division, by code."""
        row = self._divisions.get((country, admin1))
        return None if row is None else self._candidate(row)

    def nearest_city(self, longitude: float, latitude: float) -> Candidate:
        """The populated place nearest to a point (degrees, WGS 84)."""
        rows = np.flatnonzero(self._places["kind"] == KINDS.index("city"))
        kilometres = distance_km(longitude, latitude, *(self._places[name][rows] for name in ("longitude", "latitude")))
        return self._candidate(int(rows[kilometres.argmin()]))

    def names_of(self, kind: Kind) -> tuple[list[str], NDArray[np.float64]]:
        """(names, populations) of all places of a kind; of cities, those of at least 1,000 people."""
        population = np.asarray(self._places["population"], dtype=np.float64)
        is_kind = self._places["kind"] == KINDS.index(kind)
        rows = np.flatnonzero(is_kind & (population >= (1000 if kind == "city" else 0)))
        return [self._candidate(int(row)).name for row in rows], population[rows]

    def features(self, folded: str) -> tuple[str, int, bool]:
        """(kind, population, whether it is the main name) of the largest place with this main name, else of the largest
        with this alternate name; ("", 0, False) where the name is unknown."""
        rows = self.rows(folded)
        return self._feature(int(rows[0])) if len(rows) else ("", 0, False)

    def largest(self, folded: str) -> tuple[str, int, bool]:
        """The same of the largest place with this name, main or alternate."""
        rows = self.rows(folded)
        if not len(rows):
            return "", 0, False
        population = self._places["population"][rows & ~ALTERNATE]
        return self._feature(int(rows[int(population.argmax())]))

    def _feature(self, member: int) -> tuple[str, int, bool]:
        row = self._places[member & ~int(ALTERNATE)]
        return KINDS[row["kind"]], int(row["population"]), not member & int(ALTERNATE)
