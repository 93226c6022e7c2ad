"""Writes a gazetteer: rows of places with their names, to the files that `gazetteer.py` maps."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import marisa_trie
import numpy as np

from stormpetrel.posts.places.gazetteer.gazetteer import (
    ALTERNATE,
    FORM,
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

LONGEST = 60  # characters of a folded name; longer ones are sentences
MOST_PLACES = 60  # of a name
SQUEEZED_FROM = 100_000  # people: such places are written as one word in hashtags (SriLanka)


@dataclass
class PlaceRow:
    """A place with its names. `own` and `others` are as written; folding is done here."""

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
    own: tuple[str, ...] = ()
    others: Iterable[str] = field(default=())


def write_gazetteer(
    directory: Path, places: Iterable[PlaceRow], sources: str, speakers: Mapping[str, Sequence[str]] | None = None
) -> None:
    """`speakers`: language -> the countries that speak it. Writes the files beside the folder's name and moves them
    there whole: readers see all of it or nothing."""
    ordered = sorted(places, key=lambda place: (-place.population, place.geonames_id))
    names: dict[str, list[int]] = {}
    texts = bytearray()
    rows = np.zeros(len(ordered), dtype=ROW)
    for number, place in enumerate(ordered):
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
        own = {fold(name) for name in (place.name, *place.own)}
        others = {fold(name) for name in place.others} - own
        if place.population >= SQUEEZED_FROM or place.kind != "city":
            others |= {name.replace(" ", "") for name in own if " " in name} - own
        for name in own:
            _add(names, name, number)
        for name in others:
            _add(names, name, number | int(ALTERNATE))
    trie = marisa_trie.Trie(names)
    by_number: list[list[int]] = [[] for _ in range(len(trie))]
    for name, members in names.items():
        by_number[trie[name]] = _ordered(members)
    # Of this process alone: two that start at once may both be making it.
    fresh = directory.with_name(f"{directory.name}.{os.getpid()}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    trie.save(str(fresh / NAMES))
    np.save(fresh / PLACES, rows)
    np.save(fresh / STARTS, np.cumsum([0, *map(len, by_number)], dtype=np.uint32))
    np.save(fresh / MEMBERS, np.array([member for members in by_number for member in members], dtype=np.uint32))
    (fresh / TEXTS).write_bytes(bytes(texts))
    digest = hashlib.sha256(rows.tobytes() + (fresh / NAMES).read_bytes()).hexdigest()[:12]
    told = {
        "form": FORM,
        "version": f"{sources}@{digest}",
        "places": len(ordered),
        "names": len(trie),
        "speakers": {language: list(codes) for language, codes in (speakers or {}).items()},
    }
    (fresh / MANIFEST).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if not (directory / MANIFEST).is_file():
        shutil.rmtree(directory, ignore_errors=True)
    try:
        fresh.rename(directory)
    except OSError:  # another process was first, with the same rows
        shutil.rmtree(fresh)


def _add(names: dict[str, list[int]], name: str, member: int) -> None:
    if name and len(name) <= LONGEST and any(letter.isalpha() for letter in name):
        names.setdefault(name, []).append(member)


def _ordered(members: list[int]) -> list[int]:
    """Places that bear the name first, each by population: the rows are in that order already."""
    return sorted(members, key=lambda member: (member & int(ALTERNATE) > 0, member))[:MOST_PLACES]
