"""Reads places from an OpenStreetMap extract in the user's folder: GeoJSON as `osmium export` writes it, of whatever
the user's filter kept (settlements, rivers, valleys, districts, airports, islands, streets). © OpenStreetMap
contributors, ODbL 1.0."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import SetupError
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow
from stormpetrel.posts.places.gazetteer.sources import city_radius

ENDINGS = (".geojson", ".geojsonl", ".geojsonseq")
SETTLEMENTS = frozenset(["city", "town", "village", "hamlet", "suburb", "quarter", "neighbourhood", "borough"])
NAMED_KINDS = (
    "place",
    "natural",
    "waterway",
    "water",
    "aeroway",
    "highway",
    "amenity",
    "boundary",
    "landuse",
    "tourism",
)
SMALLEST_RADIUS_KM = 0.5
Divisions = Callable[[np.ndarray[Any, Any]], list[tuple[str, str]]]


def openstreetmap_rows(folder: Path, divisions: Divisions) -> Iterator[PlaceRow]:
    """The named places of all GeoJSON files of a folder. `divisions` gives the (country, first division) of points
    (longitude, latitude in degrees). Raises SetupError where a file cannot be read."""
    for path in extract_files(folder):
        rows = [row for feature in _features(path) if (row := _row(feature)) is not None]
        if rows:
            points = np.array([(row.longitude, row.latitude) for row in rows])
            for place, (country, admin1) in zip(rows, divisions(points), strict=True):
                yield replace(place, country=country, admin1=admin1)


def extract_files(folder: Path) -> list[Path]:
    """The files of a folder that hold OpenStreetMap places."""
    return sorted(path for path in folder.glob("*") if path.name.removesuffix(".gz").endswith(ENDINGS))


def _features(path: Path) -> Iterator[dict[str, Any]]:
    """The features of a collection, or one a line."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as text:
            if path.name.removesuffix(".gz").endswith(".geojson"):
                yield from json.load(text)["features"]
            else:
                yield from (json.loads(line.strip("\x1e \n")) for line in text if line.strip("\x1e \n"))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        remedy = "Write it with: osmium export -f geojsonseq"
        raise SetupError(f"{path} is no GeoJSON of places ({error}). {remedy}") from error


def _row(feature: dict[str, Any]) -> PlaceRow | None:
    tags = feature.get("properties") or {}
    points = np.array(list(_points((feature.get("geometry") or {}).get("coordinates") or [])), dtype=np.float64)
    name = tags.get("name")
    if not name or not len(points) or not any(kind in tags for kind in NAMED_KINDS):
        return None
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    longitude, latitude = (west + east) / 2, (south + north) / 2
    extent_km = float(distance_km(longitude, latitude, [east], [north])[0])
    is_settlement = tags.get("place") in SETTLEMENTS
    population = int(digits) if (digits := str(tags.get("population") or "0").replace(",", "")).isdigit() else 0
    row = PlaceRow(0, str(name), longitude, latitude, "", "city" if is_settlement else "point", population)
    row.radius_km = round(max(extent_km, city_radius(population) if is_settlement else SMALLEST_RADIUS_KM), 1)
    others = [value for tag, value in tags.items() if tag.startswith(("name:", "alt_name", "short_name", "int_name"))]
    row.alternate_names = [part.strip() for value in others for part in str(value).split(";")]
    return row


def _points(coordinates: Iterable[Any]) -> Iterator[tuple[float, float]]:
    """The points (longitude, latitude) of a geometry of any depth."""
    items = list(coordinates)
    if len(items) >= 2 and all(isinstance(item, int | float) for item in items[:2]):
        yield float(items[0]), float(items[1])
        return
    for item in items:
        yield from _points(item)
