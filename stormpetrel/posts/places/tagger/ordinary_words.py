"""The ordinary words of a language, from the tables of `config/lexicon`: they are seldom names."""

from __future__ import annotations

from functools import cache

from stormpetrel.core.settings import CONFIG_DIRECTORY

LEXICON = CONFIG_DIRECTORY / "lexicon"


@cache
def ordinary_words_of(language: str | None) -> frozenset[str]:
    """The words, without case; none in a language without a table."""
    file = LEXICON / f"{language}.tsv"
    if not language or not language.isalpha() or not file.is_file():
        return frozenset()
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[0].casefold() for line in lines if line and not line.startswith("#"))
