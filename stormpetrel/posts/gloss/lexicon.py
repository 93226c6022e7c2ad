"""The word list as it is looked up: the gloss of any form of a word, from a file that is mapped."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from stormpetrel.posts.gloss.word_forms import compound_parts, folded, key_of, shorter_forms

FORMS_FILE, MANIFEST = "forms.marisa", "manifest.json"
RECORD = "<I"
ENGLISH = "en"
REMEMBERED = 100_000  # words of posts whose gloss is kept: a few words make most of all texts
RARE = 0.45  # how much the dictionary alone says for a word to be English
MOST_WORDS = 4  # of an expression


class Lexicon:
    """Glosses of single words and expressions. Any thread may look words up."""

    def __init__(self, directory: Path) -> None:
        import marisa_trie

        self._forms: Any = marisa_trie.RecordTrie(RECORD)
        self._forms.mmap(str(directory / FORMS_FILE))
        manifest = json.loads((directory / MANIFEST).read_text())
        self.version: str = manifest["version"]
        self.languages: frozenset[str] = frozenset(manifest["languages"])
        self._glosses: list[str] = manifest["glosses"]
        self._beginnings = frozenset(manifest["beginnings"])
        self.gloss = lru_cache(REMEMBERED)(self._gloss)

    def english(self, word: str) -> float:
        """How surely this is an English word: 1 for a form of a concept, `RARE` for one of the dictionary alone, which
        has many words of other languages too; 0 otherwise."""
        gloss = self._listed(key_of(word), ENGLISH)
        return 0.0 if gloss is None else 1.0 if gloss else RARE

    def begins_expression(self, word: str, language: str) -> bool:
        """Whether an expression of several words begins with this one."""
        return f"{language}\t{key_of(word)}" in self._beginnings

    def expression(self, words: str, language: str) -> str | None:
        """The gloss of an expression as it stands; None where it is in no table."""
        return self._listed(key_of(words), language)

    def _gloss(self, word: str, language: str) -> str | None:
        """The English gloss of a word, "" for one to drop; None where the language's table has no form of it. The form
        as it stands is looked up first, then without accents, shortened, and in two parts."""
        key = key_of(word)
        if (gloss := self._listed(key, language)) is not None:
            return gloss
        for form in shorter_forms(key, language):
            if gloss := self._listed(form, language):
                return gloss
        for first, last in compound_parts(key, language):
            parts = self._listed(first, language), self._listed(last, language)
            if all(parts):
                return " ".join(filter(None, parts))
        return None

    def _listed(self, key: str, language: str) -> str | None:
        for form in dict.fromkeys((key, folded(key))):
            if records := self._forms.get(f"{language}\t{form}"):
                gloss: str = self._glosses[records[0][0]]
                return gloss
        return None
