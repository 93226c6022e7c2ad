"""The forms in which a word is compared: folded case and accents, and what its language's spelling adds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

PLAIN = str.maketrans({
    "ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ς": "σ", "ة": "ه", "ى": "ي", "ـ": "",
})  # fmt: skip
DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
LONG = re.compile(r"(\w)\1{2,}")
COMPOUNDING = frozenset({"de", "nl", "fi"})
LINKS = ("", "s", "n", "en", "es", "e", "er")  # letters between the parts of a compound
SHORTEST_PART, LONGEST_COMPOUND = 4, 40  # letters
ARABIC_PREFIXES = ("وال", "بال", "فال", "كال", "ولل", "ال", "لل", "و", "ف", "ب", "ل", "ك", "س")
ARABIC_SUFFIXES = ("هما", "ها", "هم", "كم", "نا", "ه", "ك", "ي")
INDONESIAN_SUFFIXES = ("nya", "lah", "kah")
SHORTEST_STEM = 3  # letters that must be left of an Arabic or an Indonesian word


def key_of(word: str) -> str:
    """The word as tables hold it: NFC, without case, with one form of apostrophe.

    >>> key_of("L’ÉTÉ")
    "l'été"
    """
    return unicodedata.normalize("NFC", word).casefold().replace("’", "'")


def folded(key: str) -> str:
    """A key without accents, as people type it. The vowel signs of Indic scripts stay: they are letters.

    >>> folded("überflutet"), folded("ﻻ"), folded("बाढ़") == unicodedata.normalize("NFC", "बाढ़")
    ('uberflutet', 'لا', True)
    """
    if key.isascii():
        return key
    decomposed = unicodedata.normalize("NFKD", key)
    kept = [letter for letter in decomposed if not unicodedata.combining(letter) or "\u0900" <= letter <= "\u0dff"]
    return unicodedata.normalize("NFC", "".join(kept).translate(PLAIN))


def spellings(key: str, language: str) -> list[str]:
    """Other spellings of a key that stand for it: without accents, and German umlauts as two letters."""
    others = [folded(key)]
    if language == "de":
        others.append(key.translate(DIGRAPHS))
    return [other for other in others if other != key]


def shorter_forms(key: str, language: str) -> Iterator[str]:
    """Forms to look for where the key itself is in no table, the likeliest first: letters that were drawn out for
    stress, clitics of Arabic (light stemming by rule, as no root is looked for), suffixes of Indonesian."""
    if drawn_out := LONG.search(key):
        yield LONG.sub(r"\1", key)
        yield LONG.sub(r"\1\1", key) if drawn_out else key
    if language == "ar":
        yield from _without_clitics(key)
    if language == "id":
        yield from (key.removesuffix(suffix) for suffix in INDONESIAN_SUFFIXES if key.endswith(suffix))


def _without_clitics(key: str) -> Iterator[str]:
    stems = [key, *(key[len(prefix) :] for prefix in ARABIC_PREFIXES if key.startswith(prefix))]
    yield from (stem for stem in stems[1:] if len(stem) >= SHORTEST_STEM)
    for stem in stems:
        for suffix in ARABIC_SUFFIXES:
            if stem.endswith(suffix) and len(stem) - len(suffix) >= SHORTEST_STEM:
                yield stem.removesuffix(suffix)
                yield f"{stem.removesuffix(suffix)}ه"  # a feminine ending is written with another letter inside a word


def compound_parts(key: str, language: str) -> Iterator[tuple[str, str]]:
    """The ways to cut a compound of German, Dutch or Finnish in two, the longest last part first.

    >>> ("hochwasser", "warnung") in set(compound_parts("hochwasserwarnung", "de"))
    True
    """
    if language not in COMPOUNDING or not 2 * SHORTEST_PART <= len(key) <= LONGEST_COMPOUND:
        return
    for cut in range(SHORTEST_PART, len(key) - SHORTEST_PART + 1):
        first, last = key[:cut], key[cut:]
        for link in LINKS if language != "fi" else ("", "n"):
            if first.endswith(link) and len(first) - len(link) >= SHORTEST_PART:
                yield first.removesuffix(link), last
