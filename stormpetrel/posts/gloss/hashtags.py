"""The words of a hashtag: at underscores and digits, at capitals, or where known words follow each other."""

from __future__ import annotations

import re
from collections.abc import Callable

PART = re.compile(r"[^\W\d_]+|\d+")
CAPITALS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-ZÀ-ÖØ-Þ])")
LONGEST, SHORTEST_WORD, LONGEST_WORD = 30, 3, 16  # letters of a tag that is cut at known words; of these words


def tag_parts(tag: str, is_known: Callable[[str], bool]) -> list[str]:
    """The words of a hashtag without its mark. A run of small letters is cut only where known words make up all of it.

    >>> tag_parts("AllertaMeteo2013", set().__contains__)
    ['Allerta', 'Meteo', '2013']
    >>> tag_parts("allertameteo", {"allerta", "meteo"}.__contains__)
    ['allerta', 'meteo']
    """
    parts = [word for run in PART.findall(tag) for word in CAPITALS.split(run)]
    return parts if len(parts) > 1 else _known_words(tag, is_known) or [tag]


def _known_words(tag: str, is_known: Callable[[str], bool]) -> list[str]:
    """The fewest known words that the tag consists of; empty where it does not."""
    if len(tag) > LONGEST:
        return []
    best: dict[int, list[str]] = {0: []}
    for end in range(SHORTEST_WORD, len(tag) + 1):
        for start in range(max(0, end - LONGEST_WORD), end - SHORTEST_WORD + 1):
            before = best.get(start)
            shorter = before is not None and (end not in best or len(before) + 1 < len(best[end]))
            if before is not None and shorter and is_known(tag[start:end]):
                best[end] = [*before, tag[start:end]]
    return best.get(len(tag), [])
