"""The ordinary words of a language, from the tables of `config/lexicon`: they are seldom names."""

from __future__ import annotations

from functools import cache

from stormpetrel.core.settings import CONFIG_DIRECTORY

LEXICON = CONFIG_DIRECTORY / "lexicon"


@cache
def ordinary_words_of(language: str | None) -> frozenset[str]:
    """The words, without case; none in a language without a table."""
    return frozenset(word.casefold() for word in words_of_table(language))


def words_of_table(language: str | None) -> list[str]:
    """The words of a language's table as they are written, in its order; English has those of the concepts."""
    file = LEXICON / ("concepts.tsv" if language == "en" else f"{language}.tsv")
    if not language or not language.isalpha() or not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines if line and not line.startswith("#")]
