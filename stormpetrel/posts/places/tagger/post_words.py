"""The words of a post in any language but English: as they are written, apostrophes and hyphens apart, and Arabic words
without the clitics that are written together with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

MARKS = "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670"  # signs on letters, which Python does not count as letters
WORDS = re.compile(rf"https?://\S+|(?:[^\W_]|[{MARKS}])+|([^\w\s]|_)\1*")
LONGEST_WORD = 200  # letters: the time of what follows grows with the square of them
CLITICS = "وفبكل"  # and, so, in, as, to
MOST_CLITICS = 2
SHORTEST_NAME = 3  # letters
ARTICLE = "ال"

Span = tuple[int, int]


def word_spans(text: str, is_place: Callable[[str], bool]) -> list[Span]:
    """The spans of the words of a text. `is_place` says whether a word is a place's name: by it an Arabic word is cut
    into its clitics and a name."""
    return [
        (match.start() + start, match.start() + end)
        for match in WORDS.finditer(text)
        for start, end in _pieces(match[0], is_place)
    ]


def _pieces(word: str, is_place: Callable[[str], bool]) -> Iterator[Span]:
    first = clitics_of(word, is_place) if word[0] in CLITICS else 0
    if first:
        yield 0, first
    for start in range(first, len(word), LONGEST_WORD):
        yield start, min(len(word), start + LONGEST_WORD)


def clitics_of(word: str, is_place: Callable[[str], bool]) -> int:
    """How many letters of an Arabic word are clitics before a name, or before the article.

    >>> clitics_of("والرياض", lambda name: False), clitics_of("بجدة", lambda name: name == "جدة")
    (1, 1)
    >>> clitics_of("بغداد", lambda name: name == "بغداد")
    0
    """
    if is_place(word):
        return 0
    for count in range(1, MOST_CLITICS + 1):
        rest = word[count:]
        if len(rest) < SHORTEST_NAME or not set(word[:count]) <= set(CLITICS):
            return 0
        if rest.startswith(ARTICLE) and len(rest) > len(ARTICLE) + 2:
            return count
        if is_place(rest) or (word[count - 1] == rest[0] == "ل" and is_place(f"ا{rest}")):
            return count
    return 0


def characters_of(words: Sequence[str], spans: Sequence[Span], start: int, end: int) -> Span:
    """The span of a name, which has the words from `start` to `end`."""
    return spans[after_clitic(words, spans, start, end)][0], spans[end - 1][1]


def after_clitic(words: Sequence[str], spans: Sequence[Span], start: int, end: int) -> int:
    """The first word of a name, without the clitic that is written together with it."""
    is_clitic = end > start + 1 and spans[start][1] == spans[start + 1][0] and set(words[start]) <= set(CLITICS)
    return start + 1 if is_clitic else start
