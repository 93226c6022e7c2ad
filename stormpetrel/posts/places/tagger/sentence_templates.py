"""Templates of posts in a language (`config/place_templates/`): sentences with slots, and lists of what fills them.

A line `name = item | item` is a list, a line `place name = item | item` a list of place names. After a line `---`, each
line is a sentence. `{name}` takes an item, `{city}` a name of the gazetteer, `{city:case}` one with a case ending,
`{namesake}` one that is not a place's here, but a person's or a club's. In sentences and lists, brackets mark a place
name: `in the [Lake District]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY

TEMPLATES_FOLDER = CONFIG_DIRECTORY / "place_templates"
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}|\[([^\]]+)\]")
OPEN_SLOTS = frozenset({"city", "namesake", "n", "h"})  # filled by the gazetteer and by numbers


@dataclass(frozen=True)
class Piece:
    """A part of a template: literal text, a marked place name, or a slot with its case."""

    text: str = ""
    is_place: bool = False
    slot: str = ""
    case: str = ""


@dataclass(frozen=True)
class Templates:
    """The templates of a language."""

    language: str
    lists: dict[str, list[str]]
    place_lists: frozenset[str]
    sentences: list[str]


def languages_with_templates(folder: Path = TEMPLATES_FOLDER) -> list[str]:
    """The languages that have a file of templates."""
    return sorted(file.stem for file in folder.glob("*.txt"))


def read_templates(language: str, folder: Path = TEMPLATES_FOLDER) -> Templates:
    """The templates of a language. Raises SetupError where a slot has no list."""
    head, _, body = (folder / f"{language}.txt").read_text(encoding="utf-8").partition("\n---\n")
    lists: dict[str, list[str]] = {}
    place_lists = set()
    for line in head.splitlines():
        if line and not line.startswith("#"):
            name, _, items = line.partition(" = ")
            lists[name.removeprefix("place ")] = [item.strip() for item in items.split("|")]
            if name.startswith("place "):
                place_lists.add(name.removeprefix("place "))
    templates = Templates(language, lists, frozenset(place_lists), [line for line in body.splitlines() if line])
    for text in [*templates.sentences, *(item for items in lists.values() for item in items)]:
        for piece in pieces(text):
            if piece.slot and piece.slot not in lists and piece.slot not in OPEN_SLOTS:
                remedy = f"Add a line `{piece.slot} = item | item`"
                raise SetupError(f"{folder / language}.txt has no list for {{{piece.slot}}}. {remedy}")
    return templates


def pieces(template: str) -> Iterator[Piece]:
    """The parts of a template, in order."""
    end = 0
    for match in SLOT.finditer(template):
        if match.start() > end:
            yield Piece(template[end : match.start()])
        slot, case, marked = match.groups()
        yield Piece(marked, is_place=True) if marked else Piece(slot=slot, case=case or "")
        end = match.end()
    if end < len(template):
        yield Piece(template[end:])
