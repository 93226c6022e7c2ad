"""Whether a post reports from a place or only names it: rules over the cues of the post's language.

A place is affected where its sentence, or the post, tells of a hazard, harm, need, warning or help there. It is only
mentioned where it is part of an organisation, or what somebody comes from, goes to or compares with, or where its
sentence prays or collects money and reports nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stormpetrel.core.events import Place, PlaceRole
from stormpetrel.posts.places.geoparser.role_cues import WEIGHED, WORD, Cue, LanguageCues, RoleCues, fold, project_cues

LONGEST = 2_000  # characters that are read before and behind the places of a post
SENTENCE_END = re.compile(r"[.!?…؟]+(?=\s+[^\s\da-z]|\s*$)|\n|\s[-–—|]\s")
HASHTAG = re.compile(r"#(\w+)")
JOINED = re.compile(r"^\W*(?:(?:and|e|ed|y|et|und|ja|ve|en|o|or)\s)?\W*و?$", re.IGNORECASE)  # "Malawi & Zimbabwe"
PAUSE = re.compile(r"[,:;()!?.…]")  # a cue on its other side is not directly beside the place
NEXT_HASHTAG = re.compile(r"[,:;()!?.…]|\s#")
LEAVING_WORDS = 6  # before a "from", how far a word such as "evacuees" counts
Span = tuple[int, int]


def with_roles(text: str, places: Sequence[Place], language: str | None, is_about_event: bool = False) -> list[Place]:
    """The places with their `role`. A place that the post names twice has one role: affected, if it is so once.
    `is_about_event` says that the post is known to be about an event, whatever its words are."""
    spans = [None if place.start is None or place.end is None else (place.start, place.end) for place in places]
    found = roles(text, spans, language, is_about_event)
    points = [(place.longitude, place.latitude) for place in places]
    affected = {point for point, role in zip(points, found, strict=True) if role == "affected"}
    return [
        place.model_copy(update={"role": "affected" if point in affected else role})
        for place, point, role in zip(places, points, found, strict=True)
    ]


def roles(
    text: str,
    spans: Sequence[Span | None],
    language: str | None,
    is_about_event: bool = False,
    cues: RoleCues | None = None,
) -> list[PlaceRole | None]:
    """The role of each place `text[start:end]`, in order; a place without a span is the post's own geotag. None where
    the language has no cues, no hashtag names a hazard and the post is not known to be about an event.

    >>> roles("Flood in Genova, aid sent from Torino", [(9, 15), (31, 37)], "en")
    ['affected', 'mentioned']
    """
    if not spans:
        return []
    cues = cues or project_cues()
    text = text[: LONGEST + max((span[1] for span in spans if span), default=0)]
    has_hazard = is_about_event or any(cues.in_hashtag(fold(tag), language or "") for tag in HASHTAG.findall(text))
    of_language = cues.languages.get(language or "")
    if of_language is None:
        return ["affected" if has_hazard else None for _ in spans]
    reading = _Reading(text, of_language, has_hazard)
    starts = _list_starts(text, [span for span in spans if span])
    return [reading.role(span, starts[span]) if span else reading.of_post() for span in spans]


def _list_starts(text: str, spans: Iterable[Span]) -> dict[Span, int]:
    """Where the list begins that each place stands in: "from Malawi, Zambia & Zimbabwe" has one "from"."""
    starts: dict[Span, int] = {}
    earlier: Span | None = None
    for span in sorted(spans):
        joined = earlier is not None and earlier[1] <= span[0] and JOINED.match(text[earlier[1] : span[0]])
        starts[span] = starts[earlier] if joined and earlier else span[0]
        earlier = span
    return starts


class _Sentence(NamedTuple):
    """The rows of a sentence's words, and the kinds of the cues in it."""

    first: int
    end: int
    kinds: frozenset[str]


class _Reading:
    """A text's words and cues, read once for all its places."""

    def __init__(self, text: str, cues: LanguageCues, has_hazard: bool) -> None:
        self._text, self._cues = text, cues
        matches = list(WORD.finditer(text))
        self._starts = [match.start() for match in matches]
        self._ends = [match.end() for match in matches]
        self._words = [fold(match[0]) for match in matches]
        self._found = list(cues.find(self._words))
        self._rows = [cue.first for cue in self._found]
        self._by_first, self._by_last = defaultdict[int, list[Cue]](list), defaultdict[int, list[Cue]](list)
        for cue in self._found:
            self._by_first[cue.first].append(cue)
            self._by_last[cue.last].append(cue)
        self._breaks = [match.end() for match in SENTENCE_END.finditer(text)]
        self._post = frozenset(cue.kind for cue in self._found) | ({"hazard"} if has_hazard else frozenset())

    def role(self, span: Span, list_start: int) -> PlaceRole:
        """The role of a place in a list that begins at `list_start`."""
        sentence = self._sentence(span)
        if self._only_named(span, list_start, sentence):
            return "mentioned"
        return self._by_kinds(sentence.kinds if sentence.kinds & set(WEIGHED) else self._post)

    def of_post(self) -> PlaceRole:
        """The role of the post's own place, which its text does not name."""
        return self._by_kinds(self._post)

    def _by_kinds(self, kinds: frozenset[str]) -> PlaceRole:
        if "report" in kinds:
            return "affected"
        if "giving" in kinds or ("sympathy" in kinds and "need" not in kinds):
            return "mentioned"
        return "affected" if self._post & {"hazard", "report", "need"} else "mentioned"

    def _sentence(self, span: Span) -> _Sentence:
        number = bisect_right(self._breaks, span[0])
        begin = self._breaks[number - 1] if number else 0
        end = self._breaks[number] if number < len(self._breaks) else len(self._text)
        first, last = bisect_right(self._ends, begin), bisect_right(self._starts, end - 1)
        cues = self._found[bisect_left(self._rows, first) : bisect_left(self._rows, last)]
        return _Sentence(first, last, frozenset(cue.kind for cue in cues))

    def _only_named(self, span: Span, list_start: int, sentence: _Sentence) -> bool:
        """Whether the words directly before or after the place say that it is only named."""
        after = self._word_after(span[1], sentence)
        if any(cue.kind == "named_after" for cue in self._by_first.get(after, ())):
            return True
        before = (cue for row in self._rows_before(list_start, sentence) for cue in self._by_last.get(row, ()))
        if any(self._says_named(cue, sentence) for cue in before):
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
        return any(cue.kind == "leaving" for last in range(nearest, row) for cue in self._by_last.get(last, ()))

    def _rows_before(self, position: int, sentence: _Sentence) -> Iterator[int]:
        """The words where a cue directly before the place may end: the "of" in "mayor of Bath", and what is before
        words that may stand between."""
        row = bisect_right(self._ends, position) - 1
        while row >= sentence.first and not PAUSE.search(self._text, self._ends[row], position):
            yield row
            if self._words[row] not in self._cues.between:
                return
            row -= 1

    def _word_after(self, position: int, sentence: _Sentence) -> int:
        row = bisect_right(self._starts, position - 1)
        while row < sentence.end and self._words[row] in self._cues.between:
            row += 1
        return row if row < sentence.end and not NEXT_HASHTAG.search(self._text, position, self._starts[row]) else -1

    def _whole_word(self, span: Span) -> str:
        """The last word of the place with its ending, which may lie behind the name: Tampere+ella."""
        last = bisect_left(self._starts, span[1]) - 1
        if last < 0 or self._ends[last] <= span[0]:
            return ""
        apostrophe = self._text[self._ends[last] : self._ends[last] + 1] in ("'", "’")
        follows = last + 1 < len(self._words) and self._starts[last + 1] == self._ends[last] + 1
        return self._words[last] + (self._words[last + 1] if apostrophe and follows else "")
