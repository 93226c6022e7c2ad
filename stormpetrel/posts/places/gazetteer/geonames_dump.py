"""Reads rows from a GeoNames dump in the user's folder (download.geonames.org/export/dump and /zip; CC BY 4.0).

It reads tables of places (`allCountries`, `cities*`, or a country's `IT`), `admin1CodesASCII.txt`, `admin2Codes.txt`,
and postal codes in a folder `postal_codes` or `zip`. Tables may be `.txt`, `.txt.gz` or `.zip`.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow

PLACE_COLUMNS, POSTAL_COLUMNS = 19, 12
SETTLEMENT_CLASS = "P"
FEATURE_CODES = frozenset(["LK", "STM", "BAY", "ISL", "MT", "PK", "HSP", "AIRP", "UNIV", "PRT", "DAM", "BDG"])
POSTAL_RADIUS_KM = 5.0


def dump_rows(folder: Path) -> Iterator[PlaceRow]:
    """All places of the folder. Raises SetupError where it holds no GeoNames table, or one that cannot be read."""
    tables = [path for path in sorted(folder.iterdir()) if _is_table(path)]
    postal = [
        path
        for part in ("postal_codes", "zip")
        if (folder / part).is_dir()
        for path in sorted((folder / part).iterdir())
        if _is_table(path)
    ]
    if not tables and not postal:
        raise SetupError(f"{folder} holds no GeoNames table (cities1000.txt.gz, allCountries.zip, IT.txt)")
    for path in tables:
        yield from _places(path)
    for path in postal:
        yield from _postal(path)


def division_rows(folder: Path, places: Iterable[PlaceRow], excluded: Container[tuple[str, ...]]) -> Iterator[PlaceRow]:
    """The divisions that the folder names, each with the extent of its places, without those whose key is `excluded`.

    A key is (country, code) or (country, code, code).
    """
    from stormpetrel.posts.places.gazetteer.sources import DivisionExtents

    extents = DivisionExtents()
    for place in places:
        for key in ((place.country, place.admin1), (place.country, place.admin1, place.admin2)):
            if all(key) and key not in excluded:
                extents.add(key, place.longitude, place.latitude, place.population)
    firsts, seconds = _division_names(folder)
    for first, (name, geonames_id) in firsts.items():
        yield from extents.row(first, name, "admin1", geonames_id, [])
    for second, name in seconds.items():
        yield from extents.row(second, name, "admin2", 0, [])


def _division_names(folder: Path) -> tuple[dict[tuple[str, str], tuple[str, int]], dict[tuple[str, str, str], str]]:
    """({(country, code): (name, id)} of first divisions, {(country, code, code): name} of second ones)."""
    firsts: dict[tuple[str, str], tuple[str, int]] = {}
    seconds: dict[tuple[str, str, str], str] = {}
    for line in _lines(folder / "admin1CodesASCII.txt"):
        if len(line) >= 4 and line[0].count(".") == 1:
            country, code = line[0].split(".")
            firsts[country, code] = (line[1], int(line[3]))
    for line in _lines(folder / "admin2Codes.txt"):
        if len(line) >= 4 and line[0].count(".") >= 2:
            country, code, second = line[0].split(".", 2)
            seconds[country, code, second] = line[1]
    return firsts, seconds


def _is_table(path: Path) -> bool:
    name = path.name.removesuffix(".gz").removesuffix(".zip").removesuffix(".txt")
    suffixes = path.name.endswith((".txt", ".txt.gz", ".zip"))
    is_country = len(name) == 2 and name.isupper()
    return suffixes and (is_country or name.startswith(("cities", "allCountries")))


def _places(path: Path) -> Iterator[PlaceRow]:
    from stormpetrel.posts.places.gazetteer.sources import city_radius, usable

    for line in _lines(path):
        if len(line) == POSTAL_COLUMNS:
            yield from _postal_row(line)
        if len(line) != PLACE_COLUMNS or (line[6] != SETTLEMENT_CLASS and line[7] not in FEATURE_CODES):
            continue
        population = int(line[14] or 0)
        yield PlaceRow(
            int(line[0]),
            line[1],
            float(line[5]),
            float(line[4]),
            line[8],
            "city",
            population,
            line[10],
            line[11][:16],
            city_radius(population),
            alternate_names=usable([line[2], *line[3].split(",")]),
        )


def _postal(path: Path) -> Iterator[PlaceRow]:
    for line in _lines(path):
        if len(line) == POSTAL_COLUMNS:
            yield from _postal_row(line)


def _postal_row(line: list[str]) -> Iterator[PlaceRow]:
    """A postal code's place, by its name and by its code with the country before it or the name after it."""
    if line[9] and line[10]:
        yield PlaceRow(
            0,
            line[2],
            float(line[10]),
            float(line[9]),
            line[0],
            "city",
            0,
            line[4],
            line[6][:16],
            POSTAL_RADIUS_KM,
            alternate_names=[f"{line[0]} {line[1]}", f"{line[1]} {line[2]}"],
        )


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
