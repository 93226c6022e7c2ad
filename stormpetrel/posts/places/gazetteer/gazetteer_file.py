"""Writes a gazetteer: from rows of places with their names to the files that `gazetteer.py` maps."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np

from stormpetrel.posts.places.gazetteer import gazetteer as files
from stormpetrel.posts.places.gazetteer.gazetteer import ALTERNATE, KINDS, MANIFEST, ROW, Kind, fold

MAX_LENGTH = 60  # characters of a folded name; longer ones are sentences
MAX_PLACES = 60  # of a name
MIN_SQUEEZED = 100_000  # people: the names of such places are written as one word in hashtags (SriLanka)


@dataclass
class PlaceRow:
    """A place with its main name and its alternate names, as written. Degrees, WGS 84."""

    geonames_id: int
    name: str
    longitude: float
    latitude: float
    country: str
    kind: Kind
    population: int = 0
    admin1: str = ""
    admin2: str = ""
    radius_km: float = 5.0
    alternate_names: Iterable[str] = ()


def write_gazetteer(
    directory: Path, places: Iterable[PlaceRow], sources: str, speakers: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Writes the files to a temporary folder and renames it, so that readers see all of them or none. `speakers`:
    language -> the countries that speak it."""
    ordered = sorted(places, key=lambda place: (-place.population, place.geonames_id))
    rows, texts = _rows(ordered)
    members = _members(ordered)
    trie = marisa_trie.Trie(members)
    # Places with this main name first (the flag makes the others larger), each group by population, as the rows are.
    by_number = [sorted(members[trie.restore_key(number)])[:MAX_PLACES] for number in range(len(trie))]
    # Named by the process: two that start at once may both build the gazetteer.
    draft = directory.with_name(f"{directory.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    trie.save(str(draft / files.NAMES))
    np.save(draft / files.PLACES, rows)
    np.save(draft / files.STARTS, np.cumsum([0, *map(len, by_number)], dtype=np.uint32))
    np.save(draft / files.MEMBERS, np.fromiter(chain.from_iterable(by_number), dtype=np.uint32))
    (draft / files.TEXTS).write_bytes(texts)
    digest = hashlib.sha256(rows.tobytes() + (draft / files.NAMES).read_bytes()).hexdigest()[:12]
    manifest = {
        "format": files.FORMAT,
        "version": f"{sources}@{digest}",
        "places": len(ordered),
        "names": len(trie),
        "speakers": {language: list(codes) for language, codes in (speakers or {}).items()},
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if not (directory / MANIFEST).is_file():
        shutil.rmtree(directory, ignore_errors=True)
    try:
        draft.rename(directory)
    except OSError:  # another process was first, with the same rows
        shutil.rmtree(draft)


def _rows(places: Sequence[PlaceRow]) -> tuple[np.ndarray[Any, Any], bytes]:
    """(the table of places, their main names in UTF-8, one after the other)."""
    rows, texts = np.zeros(len(places), dtype=ROW), bytearray()
    for number, place in enumerate(places):
        text = place.name.encode()[:255].decode(errors="ignore").encode()
        position = place.geonames_id, place.longitude, place.latitude
        size = min(place.population, 2**32 - 1), place.radius_km
        codes = place.country.encode(), place.admin1.encode(), place.admin2.encode()
        rows[number] = (*position, *size, *codes, KINDS.index(place.kind), len(texts), len(text))
        texts += text
    return rows, bytes(texts)


def _members(places: Sequence[PlaceRow]) -> dict[str, list[int]]:
    """Folded name -> its members: rows of places, with the flag `ALTERNATE` for an alternate name."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        main_name = fold(place.name)
        names = {main_name: number}
        for name in map(fold, place.alternate_names):
            names.setdefault(name, number | int(ALTERNATE))
        if place.population >= MIN_SQUEEZED or place.kind not in ("city", "point"):
            for name in tuple(names):
                names.setdefault(name.replace(" ", ""), number | int(ALTERNATE))
        for name, member in names.items():
            if name and len(name) <= MAX_LENGTH and any(letter.isalpha() for letter in name):
                members[name].append(member)
    return members
