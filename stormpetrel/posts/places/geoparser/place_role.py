"""Whether a post reports from a place or only names it: rules over the cues of the post's language.

A place is affected where its sentence, or the post, tells of a hazard, harm, need, warning or help there. It is only
mentioned where it is part of an organisation, or what somebody comes from, goes to or compares with, or where its
sentence prays or collects money and reports nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stormpetrel.core.events import Place, PlaceRole
from stormpetrel.posts.places.geoparser.role_cues import WORD, Cue, LanguageCues, RoleCues, fold, project_cues

LONGEST = 2_000  # characters that are read before and behind the places of a post
SENTENCE_END = re.compile(r"[.!?…؟]+(?=\s+[^\s\da-z]|\s*$)|\n|\s[-–—|]\s")
HASHTAG = re.compile(r"#(\w+)")
JOINED = re.compile(r"^\W*(?:(?:and|e|ed|y|et|und|ja|ve|en|o|or)\s)?\W*و?$", re.IGNORECASE)  # "Malawi & Zimbabwe"
PAUSE = re.compile(r"[,:;()!?.…]")  # a cue on its other side is not directly beside the place
NEXT_HASHTAG = re.compile(r"[,:;()!?.…]|\s#")
WEIGHED = frozenset({"hazard", "report", "need", "sympathy", "giving"})  # a sentence without any is read as its post
LEAVING_WORDS = 6  # before a "from", how far a word such as "evacuees" counts
Span = tuple[int, int]


def with_roles(text: str, places: Sequence[Place], language: str | None) -> list[Place]:
    """The places with their `role`. A place that the post names twice has one role: affected, if it is so once."""
    spans = [None if place.start is None or place.end is None else (place.start, place.end) for place in places]
    found = roles(text, spans, language)
    affected = {(place.longitude, place.latitude) for place, role in zip(places, found, strict=True) if role == "affected"}
    return [
        place.model_copy(update={"role": "affected" if (place.longitude, place.latitude) in affected else role})
        for place, role in zip(places, found, strict=True)
    ]


def roles(
    text: str, spans: Sequence[Span | None], language: str | None, cues: RoleCues | None = None
) -> list[PlaceRole | None]:
    """The role of each place `text[start:end]`, in order; a place without a span is the post's own geotag. None where
    the language has no cues and no hashtag names a hazard.

    >>> roles("Flood in Genova, aid sent from Torino", [(9, 15), (31, 37)], "en")
    ['affected', 'mentioned']
    """
    if not spans:
        return []
    cues = cues or project_cues()
    hazard_in_hashtag = any(
        cues.in_hashtag(fold(tag), language or "") for tag in HASHTAG.findall(text[: LONGEST + _last(spans)])
    )
    of_language = cues.languages.get(language or "")
    if of_language is None:
        return ["affected" if hazard_in_hashtag else None for _ in spans]
    reading = _Reading(text[: LONGEST + _last(spans)], of_language, hazard_in_hashtag)
    return [reading.role(span, _joined_to(text, spans, row)) for row, span in enumerate(spans)]


def _last(spans: Iterable[Span | None]) -> int:
    return max((span[1] for span in spans if span), default=0)


def _joined_to(text: str, spans: Sequence[Span | None], row: int) -> int | None:
    """Where the list of places begins that a place stands in: "from Malawi, Zambia & Zimbabwe" has one "from"."""
    span = spans[row]
    if span is None:
        return None
    start = span[0]
    for earlier in sorted((other for other in spans if other and other[1] <= start), reverse=True):
        if earlier[1] <= start and JOINED.match(text[earlier[1] : start]):
            start = earlier[0]
    return start


class _Sentence(NamedTuple):
    """The rows of a sentence's words, and the kinds of the cues in it."""

    first: int
    end: int
    kinds: frozenset[str]


class _Reading:
    """A text's words and cues, read once for all its places."""

    def __init__(self, text: str, cues: LanguageCues, hazard_in_hashtag: bool) -> None:
        self._text, self._cues = text, cues
        matches = list(WORD.finditer(text))
        self._starts = [match.start() for match in matches]
        self._ends = [match.end() for match in matches]
        self._words = [fold(match[0]) for match in matches]
        self._found = list(cues.find(self._words))
        self._breaks = [match.end() for match in SENTENCE_END.finditer(text)]
        whole = frozenset(cue.kind for cue in self._found) | ({"hazard"} if hazard_in_hashtag else frozenset())
        self._post = _Sentence(0, len(self._words), whole)

    def role(self, span: Span | None, list_start: int | None) -> PlaceRole:
        if span is None or list_start is None:
            return self._by_sentence(self._post)
        sentence = self._sentence(span)
        if self._only_named(span, list_start, sentence):
            return "mentioned"
        return self._by_sentence(sentence if sentence.kinds & WEIGHED else self._post)

    def _by_sentence(self, sentence: _Sentence) -> PlaceRole:
        if "report" in sentence.kinds:
            return "affected"
        if "giving" in sentence.kinds or ("sympathy" in sentence.kinds and "need" not in sentence.kinds):
            return "mentioned"
        return "affected" if self._post.kinds & {"hazard", "report", "need"} else "mentioned"

    def _sentence(self, span: Span) -> _Sentence:
        number = bisect_right(self._breaks, span[0])
        begin = self._breaks[number - 1] if number else 0
        end = self._breaks[number] if number < len(self._breaks) else len(self._text)
        first, last = bisect_right(self._ends, begin), bisect_right(self._starts, end - 1)
        return _Sentence(first, last, frozenset(cue.kind for cue in self._found if first <= cue.first < last))

    def _only_named(self, span: Span, list_start: int, sentence: _Sentence) -> bool:
        """Whether the words directly before or after the place say that it is only named."""
        before, after = self._word_before(list_start, sentence), self._word_after(span[1], sentence)
        for cue in self._found:
            if cue.kind == "named_after" and cue.first == after:
                return True
            if cue.last == before and self._says_named(cue, sentence):
                return True
        endings = self._cues.origin_endings
        return bool(endings) and self._whole_word(span).endswith(endings) and not self._leaving(span[0], sentence)

    def _says_named(self, cue: Cue, sentence: _Sentence) -> bool:
        if cue.kind == "named_before":
            return True
        if cue.kind == "direction_before":
            return not sentence.kinds & {"hazard", "report", "need"}
        return cue.kind == "origin_before" and not self._leaving(self._starts[cue.first], sentence)

    def _leaving(self, position: int, sentence: _Sentence) -> bool:
        """Whether what comes from the place speaks of it: evacuees, reports, photos."""
        row = bisect_right(self._starts, position - 1)
        nearest = max(sentence.first, row - LEAVING_WORDS)
        return any(cue.kind == "leaving" and nearest <= cue.last < row for cue in self._found)

    def _word_before(self, position: int, sentence: _Sentence) -> int:
        row = bisect_right(self._ends, position) - 1
        while row >= sentence.first and self._words[row] in self._cues.between:
            row -= 1
        return row if row >= sentence.first and not PAUSE.search(self._text, self._ends[row], position) else -1

    def _word_after(self, position: int, sentence: _Sentence) -> int:
        row = bisect_right(self._starts, position - 1)
        while row < sentence.end and self._words[row] in self._cues.between:
            row += 1
        return row if row < sentence.end and not NEXT_HASHTAG.search(self._text, position, self._starts[row]) else -1

    def _whole_word(self, span: Span) -> str:
        """The last word of the place with its ending, which may lie behind the name: Tampere+ella."""
        rows = [row for row in range(len(self._words)) if self._starts[row] < span[1] and self._ends[row] > span[0]]
        if not rows:
            return ""
        last = rows[-1]
        apostrophe = self._text[self._ends[last] : self._ends[last] + 1] in ("'", "’")
        follows = last + 1 < len(self._words) and self._starts[last + 1] == self._ends[last] + 1
        return self._words[last] + (self._words[last + 1] if apostrophe and follows else "")
