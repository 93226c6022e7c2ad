"""The language of a short text (py3langid: naive Bayes over byte n-grams, Lui and Baldwin 2012)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

UNDETERMINED = "und"
# What crisis posts are written in; a smaller choice makes fewer wild guesses on five words.
LANGUAGES = [
    "ar",
    "bg",
    "bn",
    "ca",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "es",
    "et",
    "eu",
    "fa",
    "fi",
    "fr",
    "gl",
    "he",
    "hi",
    "hr",
    "hu",
    "id",
    "it",
    "ja",
    "ko",
    "lt",
    "lv",
    "ml",
    "mr",
    "ms",
    "ne",
    "nl",
    "no",
    "pl",
    "pt",
    "ro",
    "ru",
    "si",
    "sk",
    "sl",
    "sq",
    "sr",
    "sv",
    "sw",
    "ta",
    "te",
    "th",
    "tl",
    "tr",
    "uk",
    "ur",
    "vi",
    "zh",
]
SURE = 0.8
UNLIKELY = 0.02
FEWEST_LETTERS = 4
LETTER = re.compile(r"[^\W\d_]")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def likely(text: str, most: int = 3) -> list[str]:
    """The languages that a short text may be in, the likeliest first: for queries of two or three words."""
    if len(LETTER.findall(text)) < FEWEST_LETTERS:
        return []
    return [code for code, probability in _identifier().rank(text)[:most] if probability >= UNLIKELY]


def detect(text: str, declared: str | None = None) -> tuple[str, float]:
    """(ISO 639-1 code, probability). Where the text does not decide, what the network declared counts.

    Returns ("und", 0.0) for a text without enough letters and nothing declared.
    """
    wished = (declared or "").split("-")[0].lower()
    if wished in ("und", "zxx", "qme", "qht", "qam", "art"):
        wished = ""
    if len(LETTER.findall(text)) < FEWEST_LETTERS:
        return (wished, 0.5) if wished else (UNDETERMINED, 0.0)
    code, probability = _identifier().classify(text)
    if wished and code != wished and probability < SURE:
        return wished, 0.5
    return code, min(1.0, float(probability))
