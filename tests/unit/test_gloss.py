"""Texts in other languages become English words; names, numbers, emoji and addresses stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.gloss.build import gloss_version
from stormpetrel.posts.gloss.gloss import Glosser, stemming_languages
from stormpetrel.posts.gloss.tables import read_tables
from stormpetrel.posts.text.lexical import Question, document_terms, query_terms
from tests.word_list import write_tables


@pytest.mark.parametrize(
    ("question", "english"),
    [
        ("strade allagate", "street flooded"),
        ("calles inundadas", "street flooded"),
        ("rues inondées", "street flooded"),
        ("Straßen überflutet", "street flooded"),
        ("STRASSEN UEBERFLUTET", "street flooded"),
        ("ponte crollato", "bridge collapsed"),
        ("الفيضان في الشوارع", "flood في street"),
    ],
)
def test_short_questions_are_glossed_whatever_the_detector_takes_them_for(
    glosser: Glosser, question: str, english: str
) -> None:
    assert glosser.gloss(question).text == english


def test_a_question_is_stemmed_by_the_languages_that_its_words_speak_for(glosser: Glosser) -> None:
    assert stemming_languages(glosser, "calles inundadas")[0] == "es"
    assert stemming_languages(None, "calles inundadas")[0] != "es"  # what the detector alone says
    assert stemming_languages(glosser, "calles inundadas", "pt") == ["pt"]
    assert stemming_languages(glosser, "123") == []


@pytest.mark.parametrize("question", ["flooded streets", "bridge closed", "help in Genoa", "dead people"])
def test_english_questions_stay_as_they_are(glosser: Glosser, question: str) -> None:
    assert glosser.gloss(question).text == question
    assert glosser.gloss(question).words == ()


def test_names_numbers_emoji_addresses_and_user_names_stay(glosser: Glosser) -> None:
    text = "La strada per Varazze è allagata 😱 @Comune_12 16 case https://a.it/strada"
    gloss = glosser.gloss(text).text
    for kept in ("Varazze", "😱", "@Comune_12", "16", "https://a.it/strada"):
        assert kept in gloss.split()
    assert {"street", "flooded", "house"} <= set(gloss.split())


def test_hashtags_are_cut_at_capitals_and_at_known_words(glosser: Glosser) -> None:
    assert glosser.gloss("La strada è allagata, #AllertaMeteo a Genova").text.split()[-4:-2] == ["warning", "weather"]
    assert glosser.gloss("La strada è allagata, #allertameteo a Genova").text.split()[-4:-2] == ["warning", "weather"]
    assert "#Varazze" in glosser.gloss("La strada è allagata a #Varazze").text


def test_a_hashtag_from_right_to_left_is_cut_too(glosser: Glosser) -> None:
    assert glosser.gloss("ماء الفيضان في الشارع #فيضان_جدة").text == "water flood في street flood جدة"


def test_german_compounds_are_cut_in_two_known_words(glosser: Glosser) -> None:
    gloss = glosser.gloss("Hochwasserwarnung für die Menschen in Dresden und Meissen")
    assert gloss.text.startswith("flood warning")


def test_expressions_and_elided_articles_are_read_as_one(glosser: Glosser) -> None:
    gloss = glosser.gloss("L'acqua entra nelle case, la protezione civile chiede aiutooo")
    assert gloss.text.startswith("water ")
    assert "rescue team" in gloss.text
    assert gloss.text.endswith("help")


def test_each_sentence_of_a_text_in_three_languages_is_read_in_its_own(glosser: Glosser) -> None:
    text = "Le strade sono allagate. The bridge is closed to all people. Die Straßen sind überflutet"
    gloss = glosser.gloss(text)
    assert "The bridge is closed to all people." in gloss.text
    assert gloss.text.count("street") == 2
    assert gloss.text.count("flooded") == 2
    assert gloss.language == "und"


def test_a_text_without_a_known_word_stays_and_says_so(glosser: Glosser) -> None:
    gloss = glosser.gloss("Fjarðarheiði lokað vegna ófærðar, Seyðisfjörður")
    assert "Seyðisfjörður" in gloss.text
    assert gloss.words == ()
    assert glosser.gloss("😱😱").text == "😱😱"
    assert glosser.gloss("😱😱").seen == 0


def test_words_of_two_languages_meet_in_their_english_terms(glosser: Glosser) -> None:
    text, question = "Le strade sono allagate a Genova", "calles inundadas"
    document = document_terms(text, "it", glosser.gloss(text).words)
    query = query_terms(question, ["es"], glosser.gloss(question).words)
    assert document and query
    assert len(set(document.indices) & set(query.indices)) == 2
    english = document_terms("Flooded streets in Genoa", "en")
    assert english and len(set(english.indices) & set(query.indices)) == 2


def test_the_version_follows_the_tables_and_not_their_comments(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "lexicon")
    version = gloss_version(read_tables(tables))
    italian = tables / "it.tsv"
    italian.write_text("# another comment\n" + italian.read_text(encoding="utf-8"), encoding="utf-8")
    assert gloss_version(read_tables(tables)) == version
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "it.harbour.tsv").write_text("molo\tpier\nacqua\twine\n", encoding="utf-8")
    both = read_tables(tables, mine)
    assert gloss_version(both) != version
    assert (both.words["it"]["molo"], both.words["it"]["acqua"]) == ("pier", "water")


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    tables = write_tables(tmp_path)
    (tables / "it.tsv").write_text("acqua\twater\nstrada street\n", encoding="utf-8")
    with pytest.raises(SetupError, match=r"it\.tsv, line 2: give a word, a tab and its English gloss"):
        read_tables(tables)


def test_a_word_with_vowel_signs_is_looked_for_in_the_lists(glosser: Glosser) -> None:
    assert glosser.languages("बाढ़")
    assert not glosser.languages("12 34")


def test_a_text_is_glossed_once_for_all_who_ask_for_its_gloss(glosser: Glosser) -> None:
    text = "La strada è allagata, serve aiuto"
    gloss = glosser.gloss(text)  # for its vector
    assert glosser.gloss(text, None) is gloss  # for its words
    assert glosser.gloss(text, "") is gloss
    assert glosser.gloss(text, "en") is not gloss


@pytest.mark.parametrize(
    ("question", "glosses", "text", "text_glosses", "met"),
    [
        ("strade allagate", ["street", "flooded"], "Flooded streets in Genoa", [], ("street", "flooded")),
        ("flooded streets", [], "strade allagate", ["street", "flooded"], ("street", "flooded")),
        ("strade allagate", ["street", "flooded"], "calles secas", ["street", "dry"], ("street",)),
        ("flooded streets", [], "Flooded streets in Genoa", [], ()),
        ("della e", ["of", "the", "and"], "strade allagate", ["street", "flooded"], ()),
    ],
)
def test_a_question_and_a_post_meet_where_one_of_them_is_glossed(
    question: str, glosses: list[str], text: str, text_glosses: list[str], met: tuple[str, ...]
) -> None:
    assert Question(question, glosses).met_in(text, text_glosses) == met
