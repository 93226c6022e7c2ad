"""In which language a few words are: the detector's word, weighed by the words that each language's list knows.

A detector of 176 languages takes "calles inundadas" for Swedish. A list that knows both words is better evidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from stormpetrel.posts.gloss.lexicon import ENGLISH, Lexicon

FLOOR = 0.02  # a listed language may be meant though the detector does not name it
ENGLISH_FLOOR = 0.05
UNKNOWN_WORD = 0.2  # how likely a word of a language is in none of its forms
NO_LIST = 0.45  # the same for a language without a list: of neither word can be said whether it is known
MOST_WORDS = 40  # that are weighed


def weigh_languages(words: Sequence[str], ranked: Mapping[str, float], lexicon: Lexicon) -> dict[str, float]:
    """Language -> probability, the likeliest first, of the detector's candidates and all languages of the list. They
    sum to 1; empty without words."""
    # Not `isalpha`: the vowel signs inside words of Indic scripts are no letters to it.
    some = [word for word in words if not any(map(str.isdigit, word))][:MOST_WORDS]
    if not some:
        return {}
    weights = {}
    for language in {*ranked, *lexicon.languages, ENGLISH}:
        prior = ranked.get(language, 0.0) + (ENGLISH_FLOOR if language == ENGLISH else FLOOR)
        weights[language] = prior * _likelihood(some, language, lexicon)
    total = sum(weights.values())
    return {
        language: weight / total for language, weight in sorted(weights.items(), key=lambda each: (-each[1], each[0]))
    }


def _likelihood(words: Sequence[str], language: str, lexicon: Lexicon) -> float:
    if language == ENGLISH:
        return math.prod(max(lexicon.english(word), UNKNOWN_WORD) for word in words)
    if language in lexicon.languages:
        return math.prod(1.0 if lexicon.gloss(word, language) is not None else UNKNOWN_WORD for word in words)
    return float(NO_LIST ** len(words))
