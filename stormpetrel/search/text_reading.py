"""What the modalities of a text did with it, in words: which language they took it for, and what they looked for.

A language that is guessed wrongly, or a word that no list has, is seen here before it is suffered.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from stormpetrel.posts.gloss.gloss import MOST_GLOSSED, UNSURE, Gloss, Glosser, stemming_languages
from stormpetrel.posts.gloss.lexicon import ENGLISH
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.language import UNDETERMINED
from stormpetrel.posts.text.lexical import gloss_stems, word_count

SHOWN = 80  # characters of a text or its gloss
NO_WORDS = "no word is in it"
NO_LETTERS = f"{NO_WORDS}: the text model reads its signs as they stand"


def text_readings(text: str, lang: str | None, glosser: Glosser | None, model_is_glossed_for: bool) -> dict[str, str]:
    """How `text` and `lexical` read a text, by their names; `lang` is the language that the request states.

    `model_is_glossed_for` says whether the text model gets English words in place of others.
    """
    cleaned = clean(text) or text
    gloss, possible = (glosser.gloss(cleaned, lang), glosser.languages(cleaned)) if glosser else (None, [])
    return {
        "text": _vector_reading(cleaned, lang, gloss, model_is_glossed_for, possible),
        "lexical": _word_reading(cleaned, stemming_languages(glosser, cleaned, lang), gloss),
    }


def _vector_reading(
    text: str, lang: str | None, gloss: Gloss | None, is_glossed: bool, possible: Sequence[tuple[str, float]]
) -> str:
    if not word_count(text):
        return NO_LETTERS
    if gloss is None or not is_glossed:
        return "read as it stands: the text model gets no gloss"
    taken = _taken_for(lang, gloss, _or([f"{language_name(code)} {likely_as:.2f}" for code, likely_as in possible]))
    if not gloss.words and gloss.language == ENGLISH:
        return f"{taken}, read as it stands"
    if not gloss.words:
        return f"{taken}; none of its words is in a word list: read as it stands"
    if gloss.seen >= MOST_GLOSSED:
        taken = f"{taken}, its first {MOST_GLOSSED} words alone"
    unknown = gloss.seen - gloss.known
    left = f"; {unknown} of {gloss.seen} words are in no list and stay" if unknown else ""
    return f"{taken}, glossed: “{_short(text)}” -> “{_short(gloss.text)}”{left}"


def _word_reading(text: str, codes: Sequence[str], gloss: Gloss | None) -> str:
    if not word_count(text):
        return f"{NO_WORDS}, and nothing to look for"
    languages = [language_name(code) for code in codes]
    stemmed = f", as they stand and by the stems of {_or(languages)}" if languages else ", as they stand"
    concepts = list(dict.fromkeys(gloss_stems(gloss.words))) if gloss else []
    across = f"; in all languages with a word list by the English stems {', '.join(concepts[:12])}" if concepts else ""
    return f"looked for its {_words(word_count(text))}{stemmed}{across}"


def _taken_for(lang: str | None, gloss: Gloss, possible: str) -> str:
    if lang:
        return f"{language_name(lang)}, as the request says"
    if gloss.language == UNDETERMINED:
        return "in several languages, or in none that can be told: each sentence is read in its own"
    if gloss.probability > UNSURE:
        return f"taken for {language_name(gloss.language)}, probability {gloss.probability:.2f}"
    return f"its language is not clear (probabilities: {possible})"


@cache
def language_name(code: str) -> str:
    """The English name of a language by its ISO 639-1 code; the code where it has none.

    >>> language_name("it"), language_name("qq")
    ('Italian', 'qq')
    """
    return str(_names().get(code, code))


@cache
def _names() -> Any:
    from babel import Locale

    return Locale("en").languages


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count} words"


def _or(names: Sequence[str]) -> str:
    return "".join(names) if len(names) <= 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…"
