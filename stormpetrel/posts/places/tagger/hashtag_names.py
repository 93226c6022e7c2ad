"""The place in a hashtag that is written as one word in one case: #chennaifloods, #ALLERTAMETEOLIGURIA."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import fold

WORDS_FILE = CONFIG_DIRECTORY / "hashtag_words.txt"
SHORTEST_NAME = 4  # letters


def name_in_tag(tag: str, is_place: Callable[[str], bool]) -> tuple[int, int] | None:
    """The span of the longest place in a tag that has nothing but words of disasters and digits beside it; None where
    there is none."""
    plain = tag.rstrip("0123456789_")
    for length in range(len(plain) - 1, SHORTEST_NAME - 1, -1):
        for start in {0, len(plain) - length}:
            name, beside = plain[start : start + length], plain[:start] + plain[start + length :]
            if _are_words(fold(beside)) and is_place(name):
                return start, start + length
    return None


@cache
def _words() -> frozenset[str]:
    lines = WORDS_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(fold(line) for line in lines if line and not line.startswith("#"))


def _are_words(text: str) -> bool:
    """Whether a text is one of the words, or two of them."""
    words = _words()
    return text in words or any(text[:cut] in words and text[cut:] in words for cut in range(1, len(text)))
