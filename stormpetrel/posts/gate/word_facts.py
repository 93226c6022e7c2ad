"""What the words of a text say about a crisis, in any language of the lexicon, as numbers that a gate weighs.

Cheap enough for every post of a network: most words of posts are few and repeat, so their answers are remembered. The
same numbers serve the gate at the source and the one in the worker.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.gloss.gloss import TOKEN
from stormpetrel.posts.gloss.hashtags import tag_parts
from stormpetrel.posts.gloss.lexicon import ENGLISH, MOST_WORDS, Lexicon
from stormpetrel.posts.gloss.tables import CONCEPTS_FILE, concept_groups
from stormpetrel.posts.gloss.word_forms import folded, key_of
from stormpetrel.posts.text.language import detect

MOST_WORDS_READ = 600  # of a post
REMEMBERED = 200_000  # words with their answer
SURE = 0.6  # probability from which on a text is read in the language that it seems to be in alone
MOST_COUNTED = 3  # words of a group: more say no more
HALF = 0.5  # a group or a sign is worth half as much to the ridge as a dimension of a unit vector
# Beginnings of English words for hazards, along the clusters of UNDRR and ISC, Hazard Definition and Classification
# Review (2020). They were written from memory by an author who had seen on which labelled events the gate was weak, so
# `eval gate` tells its figures without them too.
HAZARDS = re.compile(
    r"airburst|asteroid|meteor|avalanche|blizzard|bushfire|wildfire|heatwave|collapse|collision|cyclone|derail|downburst"
    r"|drought|dust|earthquake|quake|tremor|epidemic|outbreak|erosion|erupt|volcan|lava|explo|blast|famine|fire|blaze"
    r"|flood|fog|frost|glacial|gust|gale|hail|haze|smog|smoke|hurricane|typhoon|infestation|landslide|mudslide|rockfall"
    r"|sinkhole|lahar|lightning|locust|spill|leak|pandemic|pollut|radiation|radioactive|nuclear|sandstorm|seiche"
    r"|snowstorm|storm|subsidence|surge|thunder|tornado|tsunami|crash|accident|wreck|capsiz|sinking|stampede|shooting"
    r"|bomb|attack|terror|hostage|riot|poison|toxic"
)
INSIDE_TAG = re.compile(r"flood|quake|storm|cyclone|typhoon|hurricane|tornado|tsunami|fire|rescue|crash|explosion")
HAZARD, SPEAKER, OWN = "hazard", "speaker", "own"
I_AND_MY = frozenset({"i", "me", "my"})
SIGNS = (
    *("link", "repost", "user", "tags", "digit", "length", "stress", "question", "emoji", "capitals"),
    *(SPEAKER, HAZARD),
)
DIGIT = re.compile(r"\d")
CAPITALS = re.compile(r"[A-Z]{4}")
EMOJI = re.compile("[\U0001f300-\U0001faff]")
Array = NDArray[np.float32]
Languages = tuple[str, ...]


@dataclass(frozen=True)
class WordFacts:
    """`numbers`: shape (facts,), the counts of the groups of concepts and the signs. `is_unread`: the text is in a
    language that has no word list, so that its words say nothing. `has_own_word`: it has a word of the team's own."""

    numbers: Array
    is_unread: bool
    has_own_word: bool = False


class WordReader:
    """Reads texts. Any thread may ask."""

    def __init__(self, lexicon: Lexicon, tables: Path, own_words: Collection[str] = ()) -> None:
        self._lexicon, self._own = lexicon, frozenset(map(key_of, own_words))
        self._group_of = concept_groups(tables / CONCEPTS_FILE)
        self._languages = (ENGLISH, *sorted(lexicon.languages))
        groups = sorted(set(self._group_of.values()))
        self.names: tuple[str, ...] = (*groups, *SIGNS)
        self._column = {name: column for column, name in enumerate(self.names)}
        self._words = lru_cache(REMEMBERED)(self._look_up)
        self._beginnings = lru_cache(REMEMBERED)(self._begins_expression)

    def facts(self, text: str, declared: str | None = None) -> WordFacts:
        """The facts of a text as it came, with its links and marks. It is read in English and in the `declared`
        language or the one that it seems to be in; where that is not clear, in all languages of the lexicon."""
        languages, is_unread = self._languages_of(text, declared)
        counts: Counter[str] = Counter()
        words: list[str] = []
        for token in TOKEN.finditer(text):
            if token["kept"]:
                continue
            if token["tag"]:
                counts["tags"] += 1
                counts.update(self._tag(token["tag"][1:], languages))
                continue
            word = token["word"]
            words.append(word)
            for name in self._words(word, languages):
                counts[name] += 1
            if len(words) >= MOST_WORDS_READ:
                break
        counts.update(self._expressions(words, languages))
        has_own_word = counts.pop(OWN, 0) > 0
        return WordFacts(self._numbers(text, counts, len(words)), is_unread, has_own_word)

    def _numbers(self, text: str, counts: Counter[str], length: int) -> Array:
        numbers = np.zeros(len(self.names), dtype=np.float32)
        for name, count in counts.items():
            numbers[self._column[name]] = min(count, MOST_COUNTED) / 1.5
        signs = {
            "link": "http" in text,
            "repost": text.startswith("RT "),
            "user": "@" in text,
            "digit": DIGIT.search(text) is not None,
            "length": math.log(max(1, length)) / 2,
            SPEAKER: counts[SPEAKER] > 0,
            "stress": "!" in text,
            "question": "?" in text,
            "emoji": EMOJI.search(text) is not None,
            "capitals": CAPITALS.search(text) is not None,
            HAZARD: 2.0 * (counts[HAZARD] > 0),
        }
        for name, value in signs.items():
            numbers[self._column[name]] = value
        return numbers * np.float32(HALF)

    def _languages_of(self, text: str, declared: str | None) -> tuple[Languages, bool]:
        seems, probability = detect(text, declared)
        if probability < SURE:
            return self._languages, False
        stated = (declared or "").partition("-")[0].lower()
        read = {seems, stated} & self._lexicon.languages
        return tuple(dict.fromkeys((ENGLISH, *sorted(read)))), seems != ENGLISH and seems not in read

    def _look_up(self, word: str, languages: Languages) -> tuple[str, ...]:
        """The groups and signs that a word stands for, each once."""
        key = key_of(word)
        names: dict[str, None] = {}
        for language in languages:
            if language == ENGLISH:
                glosses = [self._lexicon.expression(form, ENGLISH) for form in dict.fromkeys((key, folded(key)))]
            else:
                glosses = [self._lexicon.gloss(word, language)]
            names.update(dict.fromkeys(name for gloss in filter(None, glosses) for name in self._names_of(gloss)))
        if HAZARDS.match(key):
            names[HAZARD] = None
        if key in self._own:
            names[OWN] = None
        return tuple(names)

    def _names_of(self, gloss: str) -> Iterator[str]:
        """A gloss is a concept, or several words of them for a compound."""
        for concept in [gloss] if gloss in self._group_of else gloss.split():
            if concept in I_AND_MY:
                yield SPEAKER
            if group := self._group_of.get(concept):
                yield group
            if HAZARDS.match(concept):
                yield HAZARD

    def _tag(self, tag: str, languages: Languages) -> list[str]:
        if whole := self._words(tag, languages):
            return list(whole)
        names = [name for part in tag_parts(tag, lambda _: False) for name in self._words(part, languages)]
        return [*names, HAZARD] if INSIDE_TAG.search(tag.lower()) else names

    def _begins_expression(self, word: str, languages: Languages) -> Languages:
        """The languages in which an expression of several words begins with this one."""
        return tuple(language for language in languages if self._lexicon.begins_expression(word, language))

    def _expressions(self, words: list[str], languages: Languages) -> Iterator[str]:
        for position, word in enumerate(words):
            for language in self._beginnings(word, languages):
                for count in range(min(MOST_WORDS, len(words) - position), 1, -1):
                    gloss = self._lexicon.expression(" ".join(words[position : position + count]), language)
                    if gloss:
                        yield from self._names_of(gloss)
                        break
