"""What the gazetteer and the word lists know of each word of a post that is not English: the features beside the word
itself by which the tagger tells names of places from other words.

The gazetteer's feature (`tag_`) is a position (B, I, L, U: begin, inside, last, unit) and a class: the kind and size of
the largest place with that name; `h` where one is at home where the language is spoken, `e` where the name has a case
ending. The other (`lemma_`) is the language, and whether the word is an ordinary one of it (`config/lexicon`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
from spacy.attrs import LEMMA, TAG
from spacy.tokens import Doc

from stormpetrel.posts.places.gazetteer.case_endings import without_endings
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.tagger.gazetteer_features import (
    AREA_CLASSES,
    CITY_CLASSES,
    NOT_NAMES,
    positions,
    text_from,
)
from stormpetrel.posts.places.tagger.local_names import home_countries
from stormpetrel.posts.places.tagger.ordinary_words import ordinary_words_of
from stormpetrel.posts.places.tagger.post_words import Span, characters_of, word_spans

MIN_INFLECTED = 1000  # people: smaller places are too often the beginning of an ordinary word
MIN_CLITIC = 2000
SHORTEST_INFLECTED = 4  # letters of the whole word
CACHE_SIZE = 50_000
ORDINARY = "w"
LanguageWord = tuple[str, str, str]  # its text, the gazetteer's feature, the language's


class LanguageFeatures:
    """Makes the spaCy document of a text, with the features of its words. Not for threads: it caches."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._home = cache(partial(home_countries, gazetteer))
        self._class = lru_cache(CACHE_SIZE)(self._class_of)
        self._inflected = lru_cache(CACHE_SIZE)(self._inflected_class)
        self._fold = lru_cache(CACHE_SIZE)(fold)
        self._is_arabic_place = lru_cache(CACHE_SIZE)(self._is_known)

    def words(self, text: str, language: str | None) -> tuple[list[LanguageWord], list[Span]]:
        """(the words of a text with their two features, their spans in its characters)."""
        spans = word_spans(text, self._is_arabic_place)
        words = [text[start:end] for start, end in spans]
        names = self.names(words, language or "")
        ordinary = ordinary_words_of(language)
        kinds = [f"{language or ''}{ORDINARY if word.casefold() in ordinary else ''}" for word in words]
        return list(zip(words, names, kinds, strict=True)), spans

    def document(self, vocab: Any, text: str, language: str | None) -> Doc:
        """The spaCy document of a text, which training reads. Its characters are not those of the text: what is between
        two words counts as one space where it is not nothing, so spans are to be read by `spans_of`."""
        words, spans = self.words(text, language)
        nexts = [*(start for start, _ in spans), len(text)][1:]
        spaces = [end < after for (_, end), after in zip(spans, nexts, strict=True)]
        doc = Doc(vocab, words=[word for word, _, _ in words], spaces=spaces)
        doc.user_data["spans"] = spans
        if words:
            add = vocab.strings.add
            array: Any = np.array([(add(name), add(kind)) for _, name, kind in words], dtype=np.uint64)
            doc.from_array([TAG, LEMMA], array)
        return doc

    def names(self, words: Sequence[str], language: str) -> list[str]:
        """The gazetteer's feature of each word."""
        folded = [self._fold(word) for word in words]
        return positions(len(words), lambda start: self._longest(words, folded, start, language))

    def _longest(self, words: Sequence[str], folded: Sequence[str], start: int, language: str) -> tuple[int, str]:
        """(end of the longest name from this word on, its class); (`start`, "") where no name begins here."""
        if not folded[start] or words[start] in NOT_NAMES:
            return start, ""
        text, ends = text_from(words, folded, start)
        for name in reversed(self._gazetteer.prefixes(text)):
            if len(name) in ends and (name_class := self._class(name, language)):
                return ends[len(name)], name_class
        before = ""
        for end in sorted(ends.values()):
            if name_class := self._inflected(before, words[end - 1], language):
                return end, name_class
            before += f"{folded[end - 1]} "
            if end > start + 3:
                break
        return start, ""

    def _class_of(self, name: str, language: str) -> str:
        kind, population, is_main_name = self._gazetteer.features(name)
        if not kind or len(name) < 2 or not any(letter.isalpha() for letter in name):
            return ""
        home = "" if kind in ("country", "region") else self._home_class(name, language)
        return home or _class_name(kind, population, is_main_name)

    def _home_class(self, name: str, language: str, least: int = 0) -> str:
        """The class of the largest place with this name where the language is spoken; "" where there is none."""
        home = self._home(language)
        places = [place for place in self._gazetteer.candidates(name, 10) if place.country_code in home]
        if not places:
            return ""
        largest = max(places, key=lambda place: place.population)
        if largest.population < least:
            return ""
        return _class_name(largest.kind, largest.population, not largest.alternate) + "h"

    def _inflected_class(self, before: str, word: str, language: str) -> str:
        """The class of a name whose last word has a case ending."""
        if len(word) < SHORTEST_INFLECTED or not word[0].isalpha():
            return ""
        forms = without_endings(word, language)
        if language == "de":  # the genitive alone: "Sieger" is not Siegen's, and "Kölner" is no name
            forms = [form for form in forms if form == word[:-1]]
        for form in forms:
            if name_class := self._home_class(f"{before}{form}", language, MIN_INFLECTED):
                return f"{name_class}e"
        return ""

    def _is_known(self, word: str) -> bool:
        """Whether a word in Arabic letters is the name of a place."""
        kind, population, _ = self._gazetteer.largest(fold(word))
        return bool(kind) and population >= MIN_CLITIC


def spans_of(doc: Doc) -> Iterator[Span]:
    """The spans of the document's entities, in characters of the text that it was made of."""
    words = [token.text for token in doc]
    for entity in doc.ents:
        yield characters_of(words, doc.user_data["spans"], entity.start, entity.end)


def _class_name(kind: str, population: int, is_main_name: bool) -> str:
    city_class = next(size for size, minimum in CITY_CLASSES if population >= minimum)
    name_class = AREA_CLASSES.get(kind, city_class)
    return name_class if is_main_name else f"other-{name_class}"
