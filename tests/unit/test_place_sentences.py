"""The form of the sentences that judge how place names are recognised: `config/place_sentences/`."""

from __future__ import annotations

import json

import pytest

from stormpetrel.core.settings import CONFIG_DIRECTORY

SENTENCES = CONFIG_DIRECTORY / "place_sentences"
LANGUAGES = ("ar", "de", "en", "es", "fi", "fr", "it", "nl", "pt", "tr")


def records(language: str) -> list[dict]:
    return [json.loads(line) for line in (SENTENCES / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_is_a_file_for_each_language() -> None:
    assert sorted(file.stem for file in SENTENCES.glob("*.jsonl")) == list(LANGUAGES)


def test_no_sentence_is_there_twice() -> None:
    texts = [record["text"].casefold() for language in LANGUAGES for record in records(language)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_sixty_sentences_a_fifth_of_them_without_a_place(language: str) -> None:
    sentences = records(language)
    assert [record["id"] for record in sentences] == [f"{language}-{number:02}" for number in range(1, 61)]
    assert {record["lang"] for record in sentences} == {language}
    assert sum(not record["location_mentions"] for record in sentences) == 12


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_span_is_its_name_and_no_two_overlap(language: str) -> None:
    for record in records(language):
        end = 0
        for mention in record["location_mentions"]:
            assert (
                record["text"][mention["start"] : mention["end"]] == mention["text"] == mention["text"].strip("# ،.,'’")
            )
            assert mention["start"] >= end, record["id"]
            end = mention["end"]
