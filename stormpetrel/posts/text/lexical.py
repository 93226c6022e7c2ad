"""Sparse lexical vectors: hashed stems with BM25 term weights (Robertson and Zaragoza 2009).

The index multiplies by the inverse document frequency (Qdrant's `idf` modifier), so that the dot product of a query's
and a document's vector is their BM25 score.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from stormpetrel.core.events import TermWeights

WORD = re.compile(r"\w+")
GLOSS_WEIGHT = 0.7  # of a gloss's term: a word has one gloss whatever was meant, and that is not always the right one
NO_CONCEPTS = frozenset(["the", "a", "an", "be", "of", "to", "in", "and", "at", "on", "for", "by", "with", "from"])
K1 = 1.2
B = 0.5  # posts are short and of similar length: weaker normalisation than the usual 0.75
AVERAGE_LENGTH = 20.6  # words a post, over 11,544 crisis tweets; fixed, so that weights stay comparable
STEMMED = "ar ca da de el en es fi fr hi hu id it lt ne nl no pt ro ru sr sv ta tr"  # the languages with a stemmer


@cache
def _stemmer(language: str) -> Any | None:
    import Stemmer

    return Stemmer.Stemmer(language) if language in STEMMED.split() else None


def _fold(word: str) -> str:
    if word.isascii():  # most words: nothing to decompose
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def stems(text: str, language: str) -> list[str]:
    """The words of a text in order, stemmed by its language's rules and folded (case, accents).

    >>> stems("Flooding in the streets", "en")
    ['flood', 'in', 'the', 'street']
    """
    words = [word for word in WORD.findall(unicodedata.normalize("NFC", text).casefold()) if word != "_"]
    stemmer = _stemmer(language)
    return [_fold(stem) for stem in (stemmer.stemWords(words) if stemmer else words)]


def word_count(text: str) -> int:
    """How many different words a text has, whatever their case and accents.

    >>> word_count("Flood, flood in Genova")
    3
    """
    return len({_fold(word) for word in WORD.findall(text)})


def document_terms(text: str, language: str, glosses: Sequence[str] = ()) -> TermWeights | None:
    """The BM25 weights of a post's stems; None where it has no word.

    A word that stemming changes is in the vector twice, unstemmed and stemmed: a query whose language is detected
    otherwise still matches the unstemmed word. `glosses` are the English words that stand for its words: their stems
    are terms too, with a weight of their own, so that it is found in English and in every language with a word list.
    """
    folded = [_fold(word) for word in WORD.findall(text)]
    counts = Counter(stems(text, language))
    if not counts:
        return None
    norm = K1 * (1 - B + B * len(folded) / AVERAGE_LENGTH)
    weights: dict[int, float] = {}
    for word, count in [*counts.items(), *Counter(folded).items()]:
        weights.setdefault(zlib.crc32(word.encode()), count * (K1 + 1) / (count + norm))
    for word, count in Counter(gloss_stems(glosses)).items():
        weights.setdefault(zlib.crc32(word.encode()), GLOSS_WEIGHT * count * (K1 + 1) / (count + norm))
    indices = sorted(weights)
    return TermWeights(indices=tuple(indices), values=tuple(round(weights[index], 5) for index in indices))


def query_terms(text: str, languages: Sequence[str], glosses: Sequence[str] = ()) -> TermWeights | None:
    """Weight 1 for each word of a query, unstemmed and stemmed by each of `languages`; less for the stems of the
    English words that stand for its words; None without words."""
    unstemmed = {_fold(word) for word in WORD.findall(text)}
    stemmed = {stem for language in languages for stem in stems(text, language)}
    weights = {zlib.crc32(term.encode()): GLOSS_WEIGHT for term in gloss_stems(glosses)}
    weights |= {zlib.crc32(term.encode()): 1.0 for term in unstemmed | stemmed}
    indices = sorted(weights)
    return TermWeights(indices=tuple(indices), values=tuple(weights[index] for index in indices)) if indices else None


@dataclass(frozen=True)
class Question:
    """A question's text with its glosses, as posts are compared with it. Both it and each post are English texts or
    have glosses."""

    text: str
    glosses: Sequence[str]

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(gloss_stems(self.glosses) or stems(self.text, "en"))

    @cached_property
    def _word_of_stem(self) -> dict[str, str]:
        return _word_of_stem(self.glosses)

    def met_in(self, text: str, glosses: Sequence[str]) -> tuple[str, ...]:
        """The English words in which the question and a post meet, where one of them stands for a word in another
        language.

        >>> Question("strade allagate", ["street", "flooded"]).met_in("Flooded streets in Genoa", [])
        ('street', 'flooded')
        """
        if not self.glosses and not glosses:
            return ()
        shared_stems = self._stems & set(gloss_stems(glosses) or stems(text, "en"))
        word_of_stem = self._word_of_stem if self.glosses else _word_of_stem(glosses)
        return tuple(dict.fromkeys(word for stem, word in reversed(word_of_stem.items()) if stem in shared_stems))


def _word_of_stem(words: Sequence[str]) -> dict[str, str]:
    """The first word of each stem, the last stem first."""
    return {stem: word for word in reversed(words) for stem in gloss_stems([word])}


def gloss_stems(glosses: Sequence[str]) -> list[str]:
    """The stems of English words that stand for others: the terms of the concepts behind these, in order."""
    return [stem for stem in stems(" ".join(glosses), "en") if stem not in NO_CONCEPTS]
