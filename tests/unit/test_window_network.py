"""The network that is computed with numpy gives the names that spaCy gives."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.bootstrap import TAGGER
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger import window_network
from stormpetrel.posts.places.tagger.pipeline import _load, language_tagger_of, languages_folder, tagger_of
from stormpetrel.posts.places.tagger.taggers import AnyTagger, LanguagePipeline
from stormpetrel.posts.places.tagger.window_network import WindowNetwork

WORDS = "Flood floods in near of the New York Orleans South Carolina Kerala houston St. Louis , . \n @bbc #Chennai 🌊 a"
TEXTS = st.lists(st.lists(st.sampled_from(WORDS.split(" ")), max_size=30).map(" ".join), max_size=6)
ARABIC = ["في", "الكويت", "سيول", "والأردن", "بيروت", "و", "عمان", "Genova", "acqua", "alta", "a", "Venezia", "🌊"]
LANGUAGE_TEXTS = st.lists(st.lists(st.sampled_from(ARABIC), max_size=30).map(" ".join), max_size=6)


@pytest.fixture(scope="module")
def english() -> Any:
    return _load(TAGGER)


@pytest.fixture(scope="module")
def languages() -> Any:
    return _load(languages_folder(TAGGER))


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_english_names_are_those_of_spacy(english: Any, gazetteer: Gazetteer, texts: list[str]) -> None:
    fast = tagger_of(english, gazetteer)
    assert fast.spans(texts, ["en"] * len(texts)) == AnyTagger(english).spans(texts, ["en"] * len(texts))


@given(LANGUAGE_TEXTS)
@settings(max_examples=40, deadline=None)
def test_names_in_other_languages_are_those_of_spacy(languages: Any, gazetteer: Gazetteer, texts: list[str]) -> None:
    from stormpetrel.posts.places.tagger.language_features import LanguageFeatures

    known = ["ar", "it", None, "ar", "it", "ar"][: len(texts)]
    by_spacy = LanguagePipeline(languages, LanguageFeatures(gazetteer)).spans(texts, known)
    assert language_tagger_of(languages, gazetteer).spans(texts, known) == by_spacy


@pytest.mark.parametrize("kept", [2, 12])
def test_names_are_the_same_where_few_words_are_kept(
    kept: int, english: Any, gazetteer: Gazetteer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Flood in New York", "Kerala and Houston are under water", "South Carolina", ""] * 5
    expected = tagger_of(english, gazetteer).spans(texts, ["en"] * len(texts))
    monkeypatch.setattr(window_network, "WORDS_KEPT", kept)
    monkeypatch.setattr(window_network, "WORDS_AT_ONCE", 8)
    assert tagger_of(english, gazetteer).spans(texts, ["en"] * len(texts)) == expected
    assert sum(map(len, expected)) > 10


def test_an_architecture_of_its_own_is_run_by_spacy(english: Any, gazetteer: Gazetteer) -> None:
    other = copy.deepcopy(english)
    other.remove_pipe("ner")
    other.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Genoa"}])
    with pytest.raises(ModelUnavailable, match="an architecture of its own"):
        WindowNetwork(other)
    assert tagger_of(other, gazetteer).spans(["Rain in Genoa"], ["en"]) == [[(8, 13)]]
