"""The gate by words: a post is let through where it has a word for a crisis, in any language of the lexicon.

Cheap enough for every post of a network: most words of posts are few and repeat, so their answers are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from stormpetrel.posts.gloss.gloss import TOKEN
from stormpetrel.posts.gloss.hashtags import tag_parts
from stormpetrel.posts.gloss.lexicon import ENGLISH, MOST_WORDS, Lexicon
from stormpetrel.posts.gloss.tables import CONCEPTS_FILE, concept_groups
from stormpetrel.posts.gloss.word_forms import folded, key_of
from stormpetrel.posts.text.language import detect

# The groups of concepts whose words are words for a crisis.
CRISIS_GROUPS = frozenset(
    {"water", "weather", "fire", "damage", "casualties", "rescue", "warning", "ground", "power", "help"}
)
MOST_WORDS_READ = 600  # of a post
REMEMBERED = 200_000  # words with their answer
SURE = 0.6  # probability from which on a text is read in the language that it seems to be in alone
SHORTEST_INSIDE = 5  # letters of a word that is looked for inside a hashtag
INSIDE = re.compile(r"flood|quake|storm|cyclone|typhoon|hurricane|tornado|tsunami|fire|rescue|crash|explosion")


class WordGate:
    """Whether a text has a word for a crisis. Any thread may ask."""

    def __init__(
        self, lexicon: Lexicon, tables: Path, own_words: Collection[str] = (), groups: Collection[str] = CRISIS_GROUPS
    ) -> None:
        self._lexicon = lexicon
        self._own = frozenset(map(key_of, own_words))
        self._languages = (ENGLISH, *sorted(lexicon.languages))
        self._concepts = frozenset(
            concept for concept, group in concept_groups(tables / CONCEPTS_FILE).items() if group in groups
        )
        self._is_crisis_word = lru_cache(REMEMBERED)(self._look_up)

    def lets_through(self, text: str, declared: str | None = None) -> bool:
        """Whether one of the text's first words, hashtags or expressions is one for a crisis.

        They are read in English and in the `declared` language or the one that the text seems to be in; where that is
        not clear, in all languages of the lexicon.
        """
        languages = self._languages_of(text, declared)
        words: list[str] = []
        for token in TOKEN.finditer(text):
            if token["kept"]:
                continue
            if token["tag"]:
                if self._tag(token["tag"][1:], languages):
                    return True
                continue
            words.append(token["word"])
            if self._is_crisis_word(token["word"], languages):
                return True
            if len(words) >= MOST_WORDS_READ:
                break
        return self._has_expression(words, languages)

    def _languages_of(self, text: str, declared: str | None) -> tuple[str, ...]:
        seems, probability = detect(text, declared)
        if probability < SURE:
            return self._languages
        stated = (declared or "").partition("-")[0].lower()
        return tuple(dict.fromkeys((ENGLISH, *({seems, stated} & self._lexicon.languages))))

    def _look_up(self, word: str, languages: tuple[str, ...]) -> bool:
        key = key_of(word)
        return key in self._own or any(self._in_language(word, key, language) for language in languages)

    def _in_language(self, word: str, key: str, language: str) -> bool:
        if language == ENGLISH:
            return any(self._stands_for_crisis(form, ENGLISH) for form in (key, folded(key)))
        gloss = self._lexicon.gloss(word, language)
        return gloss is not None and self._is_crisis_gloss(gloss)

    def _stands_for_crisis(self, form: str, language: str) -> bool:
        gloss = self._lexicon.expression(form, language)
        return gloss is not None and self._is_crisis_gloss(gloss)

    def _is_crisis_gloss(self, gloss: str) -> bool:
        """A gloss is a concept, or two of them for a compound."""
        return gloss in self._concepts or any(part in self._concepts for part in gloss.split())

    def _tag(self, tag: str, languages: tuple[str, ...]) -> bool:
        if self._is_crisis_word(tag, languages) or INSIDE.search(tag.lower()):
            return True
        return any(self._is_crisis_word(part, languages) for part in tag_parts(tag, lambda _: False))

    def _has_expression(self, words: list[str], languages: tuple[str, ...]) -> bool:
        for position, word in enumerate(words):
            for language in languages:
                if not self._lexicon.begins_expression(word, language):
                    continue
                for count in range(min(MOST_WORDS, len(words) - position), 1, -1):
                    if self._stands_for_crisis(" ".join(words[position : position + count]), language):
                        return True
        return False
