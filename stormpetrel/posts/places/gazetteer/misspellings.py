"""Names of the gazetteer that a misspelt name may stand for: those one edit away (Damerau 1964)."""

from __future__ import annotations

from collections.abc import Iterator

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold

SHORTEST, LONGEST = 5, 24  # letters: shorter names are an edit away from too many others
LATIN, ARABIC = "abcdefghijklmnopqrstuvwxyz", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"


def near_spellings(name: str, gazetteer: Gazetteer) -> list[str]:
    """The gazetteer's names, folded, that one insertion, deletion, replacement or exchange of neighbours makes of a
    name. The first letter stays: people seldom get it wrong."""
    folded = fold(name)
    if not SHORTEST <= len(folded) <= LONGEST or any(letter.isdigit() for letter in folded):
        return []
    return [form for form in dict.fromkeys(_edits(folded)) if form != folded and len(gazetteer.rows(form))]


def _edits(word: str) -> Iterator[str]:
    letters = ARABIC if "\u0600" <= word[0] <= "\u06ff" else LATIN
    for place in range(1, len(word)):
        before, after = word[:place], word[place:]
        yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in letters:
            yield before + letter + after[1:]
            yield before + letter + after
    for letter in letters:
        yield word + letter
