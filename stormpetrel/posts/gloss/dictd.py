"""Bilingual word lists that people have: dictd databases (as FreeDict gives them) and tables, brought into one form.

A dictd database is `NAME.index`, lines of `word<TAB>offset<TAB>length` in base 64, and the text of the entries in
`NAME.dict` or, compressed, `NAME.dict.dz` (a gzip file with an index of its own).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.gloss.tables import LONGEST_ROW
from stormpetrel.posts.gloss.word_forms import key_of

DIGITS = {
    ord(digit): value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
LARGEST = 400_000_000  # bytes of the entries, unpacked
FORMS = "give a dictd database (NAME.index beside NAME.dict or NAME.dict.dz), or a text of `word<TAB>English word`"
ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\{[^}]*\}|<[^>]*>|/[^/]*/")
SENSE = re.compile(r"^\s*(?:\d+[.)]|[-–•*])\s*")
ALTERNATIVE = re.compile(r"[,;/|]")
MOST_GLOSS_WORDS = 3  # a longer one is an explanation


def read_word_list(file: Path) -> list[tuple[str, str]]:
    """The words of a list, as keys, with the first English gloss of each, in the list's order.

    Raises SetupError where the file is of neither form, cannot be read, or has no row.
    """
    dictd = re.sub(r"\.(index|dict|dict\.dz)$", "", file.name)
    try:
        pairs = _dictd_pairs(file.with_name(dictd)) if dictd != file.name else _table_pairs(file)
        glosses: dict[str, str] = {}
        for word, gloss in pairs:
            key = key_of(word.strip())
            if key and gloss and len(key) + len(gloss) < LONGEST_ROW and not key.startswith("#"):
                glosses.setdefault(key, gloss)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise SetupError(f"{file} cannot be read ({error}): {FORMS}") from error
    if not glosses:
        raise SetupError(f"{file} has no word with an English gloss: {FORMS}")
    return list(glosses.items())


def _table_pairs(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            word, tab, gloss = line.partition("\t")
            if not tab:
                raise SetupError(f"{file}, line {number}: there is no tab between a word and its gloss; {FORMS}")
            yield word, first_gloss(gloss)


def _dictd_pairs(database: Path) -> Iterator[tuple[str, str]]:
    index = database.with_name(f"{database.name}.index").read_text(encoding="utf-8")
    content = _entries(database)
    for line in index.splitlines():
        word, *place = line.split("\t")
        if len(place) < 2 or word.startswith("00database"):
            continue
        start, length = map(_number, place[:2])
        if start + length > len(content):
            raise SetupError(f"{database}: the index and the entries do not belong together; {FORMS}")
        entry = content[start : start + length].decode("utf-8", errors="replace")
        # The first line repeats the word, with its sound and its kind.
        yield word, next(filter(None, map(first_gloss, entry.splitlines()[1:])), "")


def _entries(database: Path) -> bytes:
    packed, plain = (database.with_name(f"{database.name}{ending}") for ending in (".dict.dz", ".dict"))
    if packed.exists():
        with gzip.open(packed) as stream:
            content = stream.read(LARGEST + 1)
    else:
        content = plain.read_bytes()
    if len(content) > LARGEST:
        raise SetupError(f"{database}: its entries are larger than {LARGEST // 1_000_000} MB; give a smaller list")
    return content


def _number(text: str) -> int:
    value = 0
    for digit in text:
        if ord(digit) not in DIGITS:
            raise SetupError(f"{text!r} is no place in a dictd index; {FORMS}")
        value = value * 64 + DIGITS[ord(digit)]
    return value


def first_gloss(text: str) -> str:
    """The first English word or short expression of an entry's line; empty where it is none.

    >>> first_gloss(" 1. flood, inundation (of land)"), first_gloss("to rescue"), first_gloss('"quoted example of use"')
    ('flood', 'rescue', '')
    """
    plain = ASIDE.sub(" ", SENSE.sub("", text))
    words = ALTERNATIVE.split(plain)[0].strip(" .!?:").lower().split()
    if words[:1] in (["to"], ["a"], ["an"], ["the"]) and len(words) > 1:
        words = words[1:]
    if (
        not words
        or len(words) > MOST_GLOSS_WORDS
        or not all(word.replace("-", "").replace("'", "").isalpha() for word in words)
    ):
        return ""
    return " ".join(words)
