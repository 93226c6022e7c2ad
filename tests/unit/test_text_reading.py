"""Each modality of a text says what it did with it, and a search says where nothing is likely to answer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.search.relevance import doubt_of
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.text_reading import text_readings


def test_a_glossed_text_shows_its_language_and_its_english_words(glosser: Glosser) -> None:
    readings = text_readings("strade allagate", None, glosser, True)
    assert readings["text"].startswith("its language is not clear (probabilities: ") and "Italian" in readings["text"]
    assert "“strade allagate” -> “street flooded”" in readings["text"]
    assert "looked for its 2 words" in readings["lexical"] and "street, flood" in readings["lexical"]


def test_a_stated_language_is_taken_at_its_word(glosser: Glosser) -> None:
    reading = text_readings("strade allagate", "it", glosser, True)
    assert reading["text"].startswith("Italian, as the request says, glossed")
    assert "the stems of Italian" in reading["lexical"]


@pytest.mark.parametrize("text", ["😱😱🌊", "!!! ???"])
def test_a_text_without_a_word_says_so(glosser: Glosser, text: str) -> None:
    readings = text_readings(text, None, glosser, True)
    assert readings == {
        "text": "no word is in it: the text model reads its signs as they stand",
        "lexical": "no word is in it, and nothing to look for",
    }


def test_words_in_no_list_are_told(glosser: Glosser) -> None:
    assert "none of its words is in a word list" in text_readings("xqzwv prtkl", "it", glosser, True)["text"]
    partly = text_readings("strade allagate xqzwv", "it", glosser, True)["text"]
    assert partly.endswith("1 of 3 words are in no list and stay")


def test_a_language_without_a_list_is_told(glosser: Glosser) -> None:
    reading = text_readings("översvämmade gator", "sv", glosser, True)["text"]
    assert reading == ("Swedish, as the request says; none of its words is in a word list: read as it stands")


def test_a_model_of_many_languages_reads_texts_as_they_stand(glosser: Glosser) -> None:
    reading = text_readings("strade allagate", None, glosser, False)["text"]
    assert reading == "read as it stands: the text model gets no gloss"


def test_an_english_text_stays(glosser: Glosser) -> None:
    assert text_readings("flooded streets", "en", glosser, True)["text"].endswith("read as it stands")


def test_a_stated_language_decides_the_gloss(glosser: Glosser) -> None:
    assert glosser.gloss("strade allagate", "it").text == "street flooded"
    assert glosser.gloss("strade allagate", "en").text == "strade allagate"
    assert glosser.gloss("strade allagate", "sv").text == "strade allagate"


@pytest.mark.parametrize(("stated", "language"), [("it", "it"), ("IT", "it"), ("pt-BR", "pt"), (" de ", "de")])
def test_a_language_is_taken_in_any_form(stated: str, language: str) -> None:
    assert SearchRequest(text="acqua", lang=stated).lang == language


@pytest.mark.parametrize("stated", ["xx", "italiano", "", "12"])
def test_a_language_that_is_none_is_refused_with_those_there_are(stated: str) -> None:
    with pytest.raises(
        ValidationError, match=r"is no language that is known here; leave lang out, or give one of ar, "
    ):
        SearchRequest(text="acqua", lang=stated)


def test_a_language_without_a_text_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no text; leave lang out"):
        SearchRequest(post_id="x:1", lang="it")


def test_a_search_whose_best_hit_is_unlikely_says_so() -> None:
    relevance = {"a": 0.14, "b": 0.12}
    doubt = doubt_of(["a", "b"], relevance, None)
    assert doubt == "no hit is likely to answer: the best does so with a probability of 0.14"
    assert doubt_of(["a", "c"], {**relevance, "c": 0.6}, None) is None
    assert doubt_of(["a"], {}, None) is None


def test_a_least_relevance_that_no_post_reaches_is_told() -> None:
    assert doubt_of([], {"a": 0.14}, 0.5) == "no post reaches a relevance of 0.5: the best of this search has 0.14"
