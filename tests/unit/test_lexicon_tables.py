"""The word lists of `config/lexicon`: their form, their reach, and their wrong friends."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

LEXICON = Path(__file__).parents[2] / "config" / "lexicon"
NOT_LANGUAGES = {"concepts", "wrong_friends"}
LANGUAGES = sorted(path.stem for path in LEXICON.glob("*.tsv") if path.stem not in NOT_LANGUAGES)
CONCEPTS_PER_LANGUAGE = 1500
WRONG_FRIENDS_PER_LANGUAGE = 20


def rows(name: str) -> list[list[str]]:
    """The fields of each row of a table, comments left out."""
    lines = (LEXICON / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def concepts() -> set[str]:
    return {row[0] for row in rows("concepts")}


def test_concepts_are_enough_and_each_stands_once() -> None:
    names = [row[0] for row in rows("concepts")]
    assert len(names) >= 1600
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_a_concept_is_lower_case_english_with_a_group() -> None:
    odd = [
        row
        for row in rows("concepts")
        if len(row) != 2 or not re.fullmatch(r"[a-z][a-z' -]*", row[0]) or not re.fullmatch(r"[a-z]+", row[1])
    ]
    assert odd == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_is_a_word_and_a_concept(language: str) -> None:
    assert [row for row in rows(language) if len(row) != 2] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_composed_lower_case_and_trimmed(language: str) -> None:
    words = [row[0] for row in rows(language)]
    odd = [
        word
        for word in words
        if word != unicodedata.normalize("NFC", word) or word != word.lower() or word != " ".join(word.split())
    ]
    assert odd == []
    assert all(words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_has_one_concept(language: str) -> None:
    counts = Counter(row[0] for row in rows(language))
    assert [word for word, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_concept_is_listed_or_empty(language: str) -> None:
    known = concepts() | {""}
    assert [row for row in rows(language) if row[1] not in known] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_covers_enough_concepts(language: str) -> None:
    assert len({row[1] for row in rows(language)} - {""}) >= CONCEPTS_PER_LANGUAGE


@pytest.mark.parametrize("language", LANGUAGES)
def test_wrong_friends_have_their_right_concept(language: str) -> None:
    table = {row[0]: row[1] for row in rows(language)}
    marked = [row for row in rows("wrong_friends") if row[0] == language]
    assert len(marked) >= WRONG_FRIENDS_PER_LANGUAGE
    wrong = {word: table.get(word) for _, word, right, _ in marked if table.get(word) != right}
    assert wrong == {}


def test_wrong_friends_name_languages_with_a_table() -> None:
    assert {row[0] for row in rows("wrong_friends")} <= set(LANGUAGES)
