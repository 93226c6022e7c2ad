"""Names of places in English posts that the gazetteer knows beyond doubt: the tagger has learned from few events, and
misses names like none in them ("was in Pisa last week")."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.tagger.ordinary_words import ordinary_words_of

WORD = re.compile(r"(?<![\w#@])[^\W\d_]+(?:[-'’][^\W\d_]+)*")
LOCATIVES = "in|near|at|around|outside|across|between|from|to|towards|over|of"
LOCATIVE = re.compile(rf"\b(?:{LOCATIVES})\s+(?:the\s+)?$", re.IGNORECASE)
LONGEST_LOCATIVE = 14  # characters, with "the"
CAPITAL = re.compile(r"[A-Z]")
MAX_WORDS = 3  # of a name
ANYWHERE_POPULATION = 15_000  # from it on, a name stands for a place wherever it is
LOCATIVE_POPULATION = 1_000  # from it on, it does so after a word like "in"
SHORTEST = 4  # letters
CAPITALS = 0.4  # share of the characters that are large letters from which on they tell nothing

Span = tuple[int, int]


def english_names(text: str, gazetteer: Gazetteer, ordinary: Collection[str]) -> Iterator[Span]:
    """The spans of names with a capital letter that are main names of large places, or of smaller ones after a word
    like "in"; not next to another capital letter, as in the name of a person."""
    if len(CAPITAL.findall(text)) > CAPITALS * len(text):
        return
    words = list(WORD.finditer(text))
    first = 0
    while first < len(words):
        run = _capital_run(text, words, first)
        if run and len(run) <= MAX_WORDS:
            start, end = run[0].start(), run[-1].end()
            if _is_name(
                text[start:end],
                LOCATIVE.search(text[max(0, start - LONGEST_LOCATIVE) : start]) is not None,
                gazetteer,
                ordinary,
            ):
                yield start, end
        first += max(1, len(run))


def _capital_run(text: str, words: list[re.Match[str]], first: int) -> list[re.Match[str]]:
    """The words with capital letters from this one on that have nothing but spaces between them."""
    run: list[re.Match[str]] = []
    for word in words[first:]:
        if not word[0][0].isupper() or (run and text[run[-1].end() : word.start()].strip(" ")):
            break
        run.append(word)
    return run


def _is_name(name: str, is_after_locative: bool, gazetteer: Gazetteer, ordinary: Collection[str]) -> bool:
    folded = fold(name)
    if len(folded) < SHORTEST or folded in ordinary or folded in ordinary_words_of("en"):
        return False
    _, population, is_main_name = gazetteer.features(folded)
    return is_main_name and population >= (LOCATIVE_POPULATION if is_after_locative else ANYWHERE_POPULATION)
