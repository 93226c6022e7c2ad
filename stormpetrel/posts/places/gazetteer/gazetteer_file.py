"""Writes a gazetteer: from rows of places with their names to the files that `gazetteer.py` maps."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np

from stormpetrel.posts.places.gazetteer.gazetteer import (
    ALTERNATE,
    FORMAT,
    KINDS,
    MANIFEST,
    MEMBERS,
    NAMES,
    PLACES,
    ROW,
    STARTS,
    TEXTS,
    Kind,
    fold,
)

MAX_LENGTH = 60  # characters of a folded name; longer ones are sentences
MAX_PLACES = 60  # of a name
MIN_SQUEEZED = 100_000  # people: the names of such places are written as one word in hashtags (SriLanka)
Members = dict[str, list[int]]


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
    by_number: list[list[int]] = [[] for _ in range(len(trie))]
    for name, numbers in members.items():
        # Places with this main name first, each group by population: the rows are in that order already.
        by_number[trie[name]] = sorted(numbers, key=lambda number: (number & int(ALTERNATE) > 0, number))[:MAX_PLACES]
    # Named by the process: two that start at once may both build the gazetteer.
    draft = directory.with_name(f"{directory.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    trie.save(str(draft / NAMES))
    np.save(draft / PLACES, rows)
    np.save(draft / STARTS, np.cumsum([0, *map(len, by_number)], dtype=np.uint32))
    np.save(draft / MEMBERS, np.array([number for numbers in by_number for number in numbers], dtype=np.uint32))
    (draft / TEXTS).write_bytes(texts)
    digest = hashlib.sha256(rows.tobytes() + (draft / NAMES).read_bytes()).hexdigest()[:12]
    manifest = {
        "format": FORMAT,
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
        rows[number] = (
            place.geonames_id,
            place.longitude,
            place.latitude,
            min(place.population, 2**32 - 1),
            place.radius_km,
            place.country.encode(),
            place.admin1.encode(),
            place.admin2.encode(),
            KINDS.index(place.kind),
            len(texts),
            len(text),
        )
        texts += text
    return rows, bytes(texts)


def _members(places: Sequence[PlaceRow]) -> Members:
    """Folded name -> its members: rows of places, with the flag `ALTERNATE` for an alternate name."""
    members: Members = {}
    for number, place in enumerate(places):
        main_name = fold(place.name)
        names = {main_name: number}
        for name in map(fold, place.alternate_names):
            names.setdefault(name, number | int(ALTERNATE))
        if place.population >= MIN_SQUEEZED or place.kind != "city":
            names.setdefault(main_name.replace(" ", ""), number | int(ALTERNATE))
        for name, member in names.items():
            if name and len(name) <= MAX_LENGTH and any(letter.isalpha() for letter in name):
                members.setdefault(name, []).append(member)
    return members
