"""Finds the names of places in a text: every gazetteer name in one pass (Aho and Corasick 1975).

Offsets are characters of the original string, whatever folding does to its length.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import ahocorasick_rs

from stormpetrel.places.gazetteer import LATIN, Gazetteer

HASH = "#"


@dataclass(frozen=True)
class Mention:
    """A name in a text: `text[start:end]`, and the folded name it matched."""

    name: str
    start: int
    end: int


def _folded_with_offsets(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index of the character it came from."""
    pieces: list[str] = []
    origins: list[int] = []
    for index, letter in enumerate(text):
        folded = unicodedata.normalize("NFKC", letter).casefold()
        pieces.append(folded)
        origins.extend([index] * len(folded))
    return "".join(pieces), origins


def _word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


class PlaceRecogniser:
    """Gazetteer matching with word boundaries. Latin names must begin with a capital or stand in a hashtag."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._names = list(gazetteer.names)
        self._automaton: Any = ahocorasick_rs.AhoCorasick(
            self._names, matchkind=ahocorasick_rs.MatchKind.LeftmostLongest, store_patterns=False
        )

    def find(self, text: str) -> list[Mention]:
        """The mentions in order of place, none overlapping another."""
        folded, origins = _folded_with_offsets(text)
        found = []
        last = 0
        for pattern, start, end in self._matches(folded):
            first, after = origins[start], origins[end - 1] + 1
            if start >= last and self._is_name(text, folded, start, end, first, after):
                found.append(Mention(self._names[pattern], first, after))
                last = end
        return found

    def _matches(self, folded: str) -> list[tuple[int, int, int]]:
        return [tuple(match) for match in self._automaton.find_matches_as_indexes(folded)]

    def _is_name(self, text: str, folded: str, start: int, end: int, first: int, after: int) -> bool:
        if end < len(folded) and _word(folded[end]):
            return False
        if start and _word(folded[start - 1]) and not self._after_arabic_prefix(folded, start):
            return False
        if not LATIN.search(text[first]):
            return True
        return text[first].isupper() or (first > 0 and text[first - 1] == HASH)

    @staticmethod
    def _after_arabic_prefix(folded: str, start: int) -> bool:
        """Arabic writes "in", "and", "to" and the article on the word: بالكويت."""
        prefix = folded[max(0, start - 3) : start].split(" ")[-1]
        return prefix in ("ب", "و", "ل", "ال", "وال", "بال", "ف", "لل")
