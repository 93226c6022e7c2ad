"""Finds the names of places in texts: by the trained tagger, and by the gazetteer's large places where the tagger has
never learned the language. Offsets are characters of the original string."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold

BATCH = 64
LONGEST_TEXT = 20_000  # characters; the longest form of any network
TAUGHT = frozenset({"en"})  # of Arabic it has seen too little: the gazetteer finds more
ON_WORDS = "بولف"  # what Arabic writes on a word: in, and, to, so
HASHTAG = re.compile(r"#(\w{4,60})")
CAMEL = re.compile(r"[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Zà-ÿÀ-Þ]+")
# A street may bear a city's name: "corso Torino".
STREET_WORDS = "via|viale|piazza|piazzale|corso|largo|calle|avenida|av|plaza|paseo|rua|praça|rue|avenue|boulevard|quai"
STREET = re.compile(rf"\b(?:{STREET_WORDS})\.?\s(?:de |di |da |do |du |della |del |de la )?$", re.IGNORECASE)
WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
WORDS_FILE = CONFIG_DIRECTORY / "not_places.txt"
LARGE = 100_000  # people: such a place is taken from the gazetteer alone, whatever its case
KNOWN = 15_000  # people: such a one where it is written with a capital
LONGEST_NAME = 4  # words
Way = Literal["tagger", "gazetteer", "hashtag"]


@dataclass(frozen=True)
class Mention:
    """A name in a text: `text[start:end]`, and how it was found. One of a hashtag may be a part of its word
    (#ChennaiFloods)."""

    name: str
    start: int
    end: int
    way: Way = "tagger"


@cache
def ordinary_words() -> frozenset[str]:
    """Words that are names of places too, and seldom mean them."""
    return frozenset(fold(word) for word in WORDS_FILE.read_text(encoding="utf-8").split("\n") if word)


class PlaceRecogniser:
    """Mentions of places in texts. Without a `tagger`, the gazetteer alone finds them: the baseline."""

    def __init__(self, gazetteer: Gazetteer, tagger: Any = None) -> None:
        self._gazetteer, self._tagger = gazetteer, tagger

    def find(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[list[Mention]]:
        """The mentions of each text, in the order of the text, none overlapping another."""
        tongues = languages or [None] * len(texts)
        tagged = self._tagged(texts)
        found = []
        for text, language, mentions in zip(texts, tongues, tagged, strict=True):
            if self._tagger is None or (language is not None and language not in TAUGHT):
                mentions = _joined(mentions, self.by_gazetteer(text))
            found.append(_joined(mentions, self._in_hashtags(text)))
        return found

    def _tagged(self, texts: Sequence[str]) -> Iterator[list[Mention]]:
        if self._tagger is None:
            yield from ([] for _ in texts)
            return
        for doc in self._tagger.pipe((text[:LONGEST_TEXT] for text in texts), batch_size=BATCH):
            yield [_whole_street(doc.text, entity) for entity in doc.ents if entity.text.strip()]

    def by_gazetteer(self, text: str) -> list[Mention]:
        """Large places whatever their case, known ones with a capital; never an ordinary word."""
        words = list(WORD.finditer(text))
        found: list[Mention] = []
        at = 0
        while at < len(words):
            for length in range(min(LONGEST_NAME, len(words) - at), 0, -1):
                start, end = words[at].start(), words[at + length - 1].end()
                if text[start] in ON_WORDS and not self._is_place(text[start:end]):
                    start += 1
                if self._is_place(text[start:end]) and not STREET.search(text[max(0, start - 20) : start]):
                    found.append(Mention(text[start:end], start, end, "gazetteer"))
                    at += length - 1
                    break
            at += 1
        return found

    def _is_place(self, name: str) -> bool:
        folded = fold(name)
        if folded in ordinary_words() or len(folded) < (4 if folded.isascii() else 3):
            return False
        kind, people, own = self._gazetteer.largest(folded)
        if not kind or (not own and people < LARGE and kind == "city"):
            return False
        least = KNOWN if name[0].isupper() or not name[0].isascii() else LARGE
        return people >= least

    def _in_hashtags(self, text: str) -> list[Mention]:
        """Places that are a part of a hashtag: a run of its words at one of its ends."""
        found = []
        for tag in HASHTAG.finditer(text):
            parts = [(tag.start(1) + part.start(), tag.start(1) + part.end()) for part in CAMEL.finditer(tag[1])]
            if len(parts) < 2 and not self._is_place(tag[1]):
                continue
            ends = [(0, last) for last in range(len(parts))] + [(first, len(parts) - 1) for first in range(len(parts))]
            runs = [(parts[first][0], parts[last][1]) for first, last in ends]
            for start, end in sorted(runs, key=lambda run: run[0] - run[1]):
                if self._is_place(" ".join(CAMEL.findall(text[start:end]))):
                    found.append(Mention(text[start:end], start, end, "hashtag"))
                    break
        return found


def _whole_street(text: str, entity: Any) -> Mention:
    """The tagger's name, with the word for a street before it: a street is not the city it is named after."""
    before = STREET.search(text[max(0, entity.start_char - 20) : entity.start_char])
    start = entity.start_char - len(before[0]) if before else entity.start_char
    return Mention(text[start : entity.end_char], start, entity.end_char)


def _joined(first: Sequence[Mention], more: Sequence[Mention]) -> list[Mention]:
    """Both, without those of `more` that overlap one of the first."""
    kept = [other for other in more if all(other.end <= held.start or other.start >= held.end for held in first)]
    return sorted([*first, *kept], key=lambda mention: mention.start)
