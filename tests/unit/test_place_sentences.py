"""The sentences that judge how place names are recognised (`config/place_sentences/`): their form, and the scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stormpetrel.bootstrap import TAGGER
from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.place_sentences import SENTENCES, language_scores, sentence_report
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost, read_recognition
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.places.tagger.tagger_files import HASHES

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


def sentence(text: str, language: str, *names: str) -> LabelledPost:
    starts = [(text.index(name), name) for name in names]
    mentions = tuple(GoldMention(start, start + len(name)) for start, name in starts)
    return LabelledPost(text, mentions, language, language, "")


def test_scores_are_given_by_language_and_hashtags_count(small_gazetteer: Gazetteer) -> None:
    sentences = [
        sentence("Alluvione a Genova, strade chiuse e scuole allagate", "it", "Genova"),
        sentence("#AlluvioneGenova servono stivali e guanti per spalare", "it", "Genova"),
        sentence("In via Fereggiano non si passa, state a casa stanotte", "it", "via Fereggiano"),
        sentence("Fuertes lluvias esta noche en Sevilla y alrededores", "es", "Sevilla"),
    ]
    report = language_scores(sentences, PlaceRecogniser(small_gazetteer))
    assert list(report) == ["es", "it"]
    assert report["es"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "f1_detected": 1.0, "n": 1, "names": 1}
    assert report["it"] | {"f1_detected": 0.8} == {
        "precision": 1.0, "recall": 0.6667, "f1": 0.8, "f1_detected": 0.8, "n": 3, "names": 3
    }  # fmt: skip


def test_the_tagger_that_serves_has_not_learned_from_the_sentences(gazetteer: Gazetteer) -> None:
    report = sentence_report(gazetteer, TAGGER)
    assert tuple(report) == LANGUAGES
    assert {figures["n"] for figures in report.values()} == {60}


def test_a_tagger_that_learned_from_a_language_is_not_judged_by_it(tmp_path: Path, small_gazetteer: Gazetteer) -> None:
    learned = [each.text_hash for each in read_recognition(SENTENCES) if each.language == "fi"]
    np.save(tmp_path / HASHES, np.unique(np.array(learned, dtype=np.uint64)))
    with pytest.raises(SetupError, match=r"has learned from sentences of .* \(fi\)"):
        sentence_report(small_gazetteer, tmp_path)
