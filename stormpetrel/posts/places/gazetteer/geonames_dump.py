"""Reads rows from a GeoNames dump in the user's folder (download.geonames.org/export/dump and /zip; CC BY 4.0).

It reads tables of places (`allCountries`, `cities*`, or a country's `IT`), `admin1CodesASCII.txt`, `admin2Codes.txt`,
and postal codes in a folder `postal_codes` or `zip`. Tables may be `.txt`, `.txt.gz` or `.zip`. Of the places it takes
settlements of any size, countries, and what people name in a flood: waters, valleys, islands, mountains, districts,
parks, streets, railway stations, airports, hospitals, dams.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.places.gazetteer.gazetteer import Kind
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow
from stormpetrel.posts.places.gazetteer.sources import DivisionExtents, city_radius, usable

TABLE = re.compile(r"(?:[A-Z]{2}|(?:cities|allCountries).*)(?:\.txt|\.txt\.gz|\.zip)")
PLACE_COLUMNS, POSTAL_COLUMNS = 19, 12
SETTLEMENT_CLASS = "P"
# Radius in kilometres of what a code stands for: the dump gives a point alone.
FEATURE_RADII = {
    **dict.fromkeys(["STM", "STMI", "CNL", "VAL", "VALS", "WAD", "PEN", "CST", "GULF"], 30.0),
    **dict.fromkeys(
        ["LK", "LKS", "RSV", "BAY", "LGN", "STRT", "SD", "DLTA", "ISL", "ISLS", "RGN", "AREA", "PRK"], 15.0
    ),
    **dict.fromkeys(["MT", "MTS", "PK", "PASS", "HLL", "HLLS", "VLC", "CAPE", "PT", "BCH", "FRST", "MRSH"], 8.0),
    **dict.fromkeys(["ADM3", "ADM4", "ADM5", "ADMD"], 10.0),
    **dict.fromkeys(["AIRP", "AIRB", "PRT", "DAM", "BDG", "HSP", "UNIV", "SCH", "RSTN", "STDM", "CMP", "RFC"], 2.0),
    **dict.fromkeys(["ST", "RD", "SQR", "RDJCT", "TNL", "HWY"], 2.0),
}
COUNTRY_CODES = frozenset(["PCLI", "PCLD", "PCLS", "PCLF", "TERR"])
FIRST_DIVISION = "ADM1"
KEPT_CODES = {FIRST_DIVISION, *COUNTRY_CODES, *FEATURE_RADII}
POSTAL_RADIUS_KM = 5.0


def dump_rows(folder: Path) -> Iterator[PlaceRow]:
    """All places of the folder's tables, countries and first divisions with their points and names among them. Raises
    SetupError where a table cannot be read."""
    for path in _tables(folder):
        for line in _lines(path):
            if len(line) == POSTAL_COLUMNS and line[9] and line[10]:
                yield _postal_code(line)
            elif len(line) == PLACE_COLUMNS and (line[6] == SETTLEMENT_CLASS or line[7] in KEPT_CODES):
                yield _place(line)


def _tables(folder: Path) -> list[Path]:
    folders = (folder, folder / "postal_codes", folder / "zip")
    return [path for part in folders for path in sorted(part.glob("*")) if TABLE.fullmatch(path.name)]


def division_rows(folder: Path, places: Iterable[PlaceRow], excluded: Container[tuple[str, ...]]) -> Iterator[PlaceRow]:
    """The divisions that the folder names, each with the extent of its places, without those whose key is `excluded`.

    A key is (country, code) or (country, code, code).
    """
    extents = DivisionExtents()
    for place in places:
        extents.add(place)
    kinds: tuple[Kind, ...] = ("admin1", "admin2")
    for file, kind, length in zip(("admin1CodesASCII.txt", "admin2Codes.txt"), kinds, (2, 3), strict=True):
        for line in _lines(folder / file):
            key = tuple(line[0].split(".", length - 1))
            if len(line) >= 4 and len(key) == length and key not in excluded:
                yield from extents.row(key, line[1], kind, int(line[3]) if kind == "admin1" else 0, [])


def _place(line: list[str]) -> PlaceRow:
    number, name, ascii_name, alternates, latitude, longitude, _, _, country, _, admin1, admin2, *_ = line
    population, names = int(line[14] or 0), usable([ascii_name, *alternates.split(",")])
    place = PlaceRow(int(number), name, float(longitude), float(latitude), country, "city", population, admin1)
    place.radius_km = city_radius(population)
    if line[7] in COUNTRY_CODES:
        place.kind, place.admin1 = "country", ""  # the dump says 00
    elif line[7] == FIRST_DIVISION:
        place.kind = "admin1"
    elif line[6] != SETTLEMENT_CLASS:
        place.kind, place.radius_km = "point", FEATURE_RADII[line[7]]
    return replace(place, admin2=admin2[:16], alternate_names=names)


def _postal_code(line: list[str]) -> PlaceRow:
    """A postal code's place, by its name and by its code with the country before it or the name after it."""
    country, code, name, _, admin1, _, admin2, _, _, latitude, longitude, _ = line
    place = PlaceRow(0, name, float(longitude), float(latitude), country, "city", 0, admin1, admin2[:16])
    return replace(place, radius_km=POSTAL_RADIUS_KM, alternate_names=[f"{country} {code}", f"{code} {name}"])


def _lines(path: Path) -> Iterator[list[str]]:
    if not path.is_file():
        return
    try:
        with _open_table(path) as text:
            yield from csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    except (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, csv.Error) as error:
        raise SetupError(f"{path} cannot be read ({error}). Download it again") from error


def _open_table(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return io.TextIOWrapper(archive.open(path.with_suffix(".txt").name), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
