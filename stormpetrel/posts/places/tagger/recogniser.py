"""Finds the place names in texts: by the trained taggers, and in languages that they were not trained on also by the
gazetteer's large places. Offsets are characters of the original text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from threadpoolctl import ThreadpoolController

from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.case_endings import without_endings
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.gazetteer.name_forms import CAMEL_CASE, STREET_WORDS
from stormpetrel.posts.places.tagger.english_names import english_names
from stormpetrel.posts.places.tagger.hashtag_names import name_in_tag
from stormpetrel.posts.places.tagger.ordinary_words import ordinary_words_of
from stormpetrel.posts.places.tagger.taggers import Tagger

MAX_NAME = 80  # characters
# In the other languages the gazetteer's large places are added to what the tagger finds: in Arabic too, where it finds
# more, as the tagger has learned from three events.
TAGGER_LANGUAGES = frozenset({"en", "it", "es", "pt", "fr", "de", "nl", "fi", "tr"})
PREFIXES = "بولف"  # what Arabic writes together with the next word: in, and, to, so
HASHTAG = re.compile(r"#(\w{4,60})")
STREET_BEFORE = re.compile(rf"\b(?:{STREET_WORDS})\.?\s(?:de |di |da |do |du |della |del |de la )?$", re.IGNORECASE)
LETTERS = r"[\w\u0900-\u0DFF]+"  # with the vowel signs of India's scripts, which are no letters to `re`
WORD = re.compile(rf"{LETTERS}(?:[-'’.]{LETTERS})*")
WORDS_FILE = CONFIG_DIRECTORY / "not_places.txt"
ANY_CASE_POPULATION = 100_000  # from it on, the gazetteer alone finds a place in any case
CAPITAL_POPULATION = 15_000  # from it on, the gazetteer alone finds a place with a capital letter
MAX_WORDS = 4  # of a name
WORDS_A_LOOK, TAGS_A_LOOK = 16, 4  # words, and hashtags, between two looks at the clock
NAMES_KEPT = 30_000  # runs of words that were looked up, known as names or not
CACHE_SIZE = 5000  # hashtags: the posts of an event repeat the same ones
LOCATIVE_POPULATION = 40_000  # from it on, a place in small letters is found after these words, by language
ARABIC_LOCATIVE_POPULATION = 5_000  # in a script without capital letters
LOCATIVES = {"it": "a|ad|in", "es": "en", "pt": "em", "fr": "à|a", "de": "in|bei|nach", "nl": "in|naar|bij"}
LOCATIVES["ar"] = "في|من|إلى|الى|قرب|مدينة|محافظة|منطقة|بلدة|قرية"
LOCATIVES |= dict.fromkeys(("fi", "tr", "hu"), "")
# No tagger has learned these. What is a place's name where the language is spoken is found from this population on.
UNTAGGED = frozenset({"el", "hi", "id", "pl", "ro"})
UNTAGGED_POPULATION = 5_000
SHORTEST_LOCAL = 4  # letters


@dataclass(frozen=True)
class Mention:
    """A place name in a text, `text[start:end]`, and the method that found it. In a hashtag it may be a part of the
    word (#ChennaiFloods)."""

    name: str
    start: int
    end: int
    found_by: Literal["tagger", "gazetteer", "hashtag"] = "tagger"


@cache
def ordinary_words() -> frozenset[str]:
    """Words that are place names too, but seldom mean the places."""
    return frozenset(fold(word) for word in WORDS_FILE.read_text(encoding="utf-8").split("\n") if word)


class PlaceRecogniser:
    """Finds mentions of places in texts. Without a `tagger`, the gazetteer alone finds them: the baseline."""

    def __init__(self, gazetteer: Gazetteer, tagger: Tagger | None = None) -> None:
        self._gazetteer, self._tagger = gazetteer, tagger
        self._span_in_tag = lru_cache(CACHE_SIZE)(self._searched_tag)
        self._is_place = lru_cache(NAMES_KEPT)(self._looked_up)
        self._blas = ThreadpoolController().select(user_api="blas")

    def find(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        budgets: Sequence[Budget] | None = None,
    ) -> list[list[Mention]]:
        """The mentions of each text, in the order of the text, without overlaps, within the budget of each."""
        budgets = budgets or [Budget() for _ in texts]
        heads = [budget.head(text) for text, budget in zip(texts, budgets, strict=True)]
        known = languages or [None] * len(texts)
        rows = zip(heads, known, self._tag(heads, known, budgets), budgets, strict=True)
        by_text = []
        for text, language, mentions, budget in rows:
            with budget:
                if self._tagger is None or (language is not None and language not in TAGGER_LANGUAGES):
                    mentions = _merge(mentions, self._by_gazetteer(text, budget, language))
                elif language == "en":
                    spans = english_names(text, self._gazetteer, ordinary_words())
                    names = [Mention(text[start:end], start, end, "gazetteer") for start, end in spans]
                    mentions = _merge(mentions, names)
                by_text.append(_merge(mentions, self._in_hashtags(text, budget)))
        return by_text

    def _tag(
        self, texts: Sequence[str], languages: Sequence[str | None], budgets: Sequence[Budget]
    ) -> list[list[Mention]]:
        if self._tagger is None or not texts:
            return [[] for _ in texts]
        started = budgets[0].clock()
        # On its small matrices several threads of BLAS take three times the processor time (on two busy cores).
        with self._blas.limit(limits=1):
            spans = self._tagger.spans(texts, languages)
        tagged = [
            [_with_street_word(text, *span) for span in of_text] for text, of_text in zip(texts, spans, strict=True)
        ]
        characters = max(1, sum(map(len, texts)))
        seconds = budgets[0].clock() - started
        for text, budget in zip(texts, budgets, strict=True):
            budget.charge(seconds * len(text) / characters)
        return tagged

    def _by_gazetteer(self, text: str, budget: Budget, language: str | None) -> list[Mention]:
        """Large places in any case, smaller ones with a capital letter or after "in"; never an ordinary word."""
        words = list(WORD.finditer(text))
        mentions: list[Mention] = []
        first = next_look = 0
        while first < len(words):
            if first >= next_look:  # the clock is slow where processes are watched closely
                if budget.is_spent():
                    break
                next_look = first + WORDS_A_LOOK
            for length in range(min(MAX_WORDS, len(words) - first), 0, -1):
                start, end = words[first].start(), words[first + length - 1].end()
                if end - start > MAX_NAME:
                    continue
                if text[start] in PREFIXES and not self._is_place(text[start:end]):
                    start += 1
                before = text[max(0, start - 20) : start]
                if length == 1 and _is_ordinary(text[start:end], language):
                    continue
                if not self._is_place(text[start:end]) and not self._is_local(text[start:end], before, language):
                    continue
                if not STREET_BEFORE.search(before):
                    mentions.append(Mention(text[start:end], start, end, "gazetteer"))
                    first += length - 1
                    break
            first += 1
        return mentions

    def _is_place_in_any_case(self, name: str) -> bool:
        return self._is_place(name.capitalize())

    def _looked_up(self, name: str) -> bool:
        folded = fold(name)
        if folded in ordinary_words() or len(folded) < (4 if folded.isascii() else 3):
            return False
        kind, population, is_main_name = self._gazetteer.largest(folded)
        if not kind or (not is_main_name and population < ANY_CASE_POPULATION and kind in ("city", "point")):
            return False
        is_capital = name[0].isupper() or not name[0].isascii()
        return population >= (CAPITAL_POPULATION if is_capital else ANY_CASE_POPULATION)

    def _is_local(self, name: str, before: str, language: str | None) -> bool:
        """Whether a name with a case ending, or one in small letters after "in", is a place where the language is
        spoken; in a language without a tagger, whether any name is."""
        if language in UNTAGGED:
            is_name = name[0].upper() == name[0] and name.casefold() not in ordinary_words_of(language)
            forms, least = [name, *without_endings(name, language)] if is_name else [], UNTAGGED_POPULATION
        elif language not in LOCATIVES or len(name) < SHORTEST_LOCAL or " " in name:
            return False
        elif name[0].isupper():
            forms, least = without_endings(name, language), CAPITAL_POPULATION
            forms = [form for form in forms if language != "de" or form == name[:-1]]  # "Sieger" is not Siegen's
        elif LOCATIVES[language] and re.search(rf"(?:^|\W)(?:{LOCATIVES[language]})\s+$", before, re.IGNORECASE):
            forms, least = [name], ARABIC_LOCATIVE_POPULATION if language == "ar" else LOCATIVE_POPULATION
        else:
            return False
        speakers = self._gazetteer.speakers(language)
        return any(
            place.country_code in speakers and place.population >= least and fold(form) not in ordinary_words()
            for form in forms
            for place in self._gazetteer.candidates(form, 3)
        )

    def _in_hashtags(self, text: str, budget: Budget) -> list[Mention]:
        """Places that are a part of a hashtag."""
        mentions = []
        for number, tag in enumerate(HASHTAG.finditer(text)):
            if number % TAGS_A_LOOK == TAGS_A_LOOK - 1 and budget.is_spent():
                break
            if span := self._span_in_tag(tag[1]):
                start, end = tag.start(1) + span[0], tag.start(1) + span[1]
                mentions.append(Mention(text[start:end], start, end, "hashtag"))
        return mentions

    def _searched_tag(self, tag: str) -> tuple[int, int] | None:
        """The place in a tag: a run of its words at its beginning or end, or a name that has words of disasters beside
        it."""
        parts = [part.span() for part in CAMEL_CASE.finditer(tag)]
        if len(parts) > 1 or (parts and self._is_place(tag)):
            runs = [(parts[0][0], end) for _, end in parts] + [(start, parts[-1][1]) for start, _ in parts]
            for start, end in sorted(runs, key=lambda run: run[0] - run[1]):
                if self._is_place(" ".join(CAMEL_CASE.findall(tag[start:end]))):
                    return start, end
        return name_in_tag(tag, self._is_place_in_any_case)


def _is_ordinary(word: str, language: str | None) -> bool:
    """Whether a word that no capital letter marks as a name is in the language's list of ordinary words."""
    return not word[:1].isupper() and word.casefold() in ordinary_words_of(language)


def _with_street_word(text: str, start: int, end: int) -> Mention:
    """The tagger's name, with the word for a street before it: a street is not the city it is named after."""
    if street_word := STREET_BEFORE.search(text[max(0, start - 20) : start]):
        start -= len(street_word[0])
    return Mention(text[start:end], start, end)


def _merge(mentions: Sequence[Mention], others: Sequence[Mention]) -> list[Mention]:
    """All mentions, and those of `others` that overlap none of them."""
    taken = {position for mention in mentions for position in range(mention.start, mention.end)}
    free = [other for other in others if taken.isdisjoint(range(other.start, other.end))]
    return sorted([*mentions, *free], key=lambda mention: mention.start)
