"""Clean text, languages, terms, near-duplicates."""

from __future__ import annotations

import pytest

from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.duplicates import DuplicateWindow, NearDuplicate
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.text.lexical import document_terms, query_terms


def test_cleaning_keeps_words_and_drops_urls_user_names_and_invisible_characters() -> None:
    assert clean("RT @user_1: Wasser in #Köln\u200b!! https://t.co/abc @x") == "Wasser in #Köln!!"
    assert clean("RT “@a: M 7.9 quake”") == "M 7.9 quake”"
    assert clean("mail me at a@b.org") == "mail me at a@b.org"


def test_cleaning_a_text_of_urls_and_user_names_leaves_nothing() -> None:
    assert clean("@a https://t.co/x") == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Flood water is rising in the streets of the town", "en"),
        ("L'acqua sale ancora, le strade sono allagate", "it"),
        ("سيول تقطع طريق المدينة بسبب الأمطار", "ar"),
        ("El río se ha desbordado y hay carreteras cortadas", "es"),
        ("Die Feuerwehr rettet Menschen aus den Kellern", "de"),
    ],
)
def test_languages_are_detected(text: str, code: str) -> None:
    assert detect(text)[0] == code


def test_the_declared_language_counts_where_the_text_is_not_clear() -> None:
    assert detect("!!! 7.9", "it") == ("it", 0.5)
    assert detect("!!! 7.9") == ("und", 0.0)
    assert detect("!!! 7.9", "qme") == ("und", 0.0)
    assert detect("The river is over its banks and people are leaving their homes", "it")[0] == "en"


def test_a_query_with_another_form_of_a_word_matches_the_document() -> None:
    document = document_terms("Flooded streets, rescued people", "en")
    query = query_terms("flooding street rescue", ["en"])
    assert document and query
    assert len(set(document.indices) & set(query.indices)) >= 3


def test_a_short_query_of_uncertain_language_matches_the_document() -> None:
    document = document_terms("Le strade sono allagate", "it")
    query = query_terms("strade allagate", ["sv", "it"])
    assert document and query
    assert len(set(document.indices) & set(query.indices)) >= 2


def test_texts_without_words_have_no_terms() -> None:
    assert document_terms("!!! ...", "en") is None
    assert query_terms("!?", ["en"]) is None


def window() -> DuplicateWindow:
    return DuplicateWindow(capacity=100, similarity=0.8)


def test_a_retweet_is_an_exact_duplicate() -> None:
    originals = window()
    assert originals.claim("a", "Flood in Genoa, stay home! http://t.co/1") is None
    assert originals.claim("b", "RT @x: flood in #Genoa, stay home") == NearDuplicate("a", 1.0)


def test_a_slightly_changed_text_is_a_near_duplicate() -> None:
    originals = window()
    text = "The river has burst its banks near the old bridge and people are moving to the upper floors of their houses"
    originals.claim("a", text)
    duplicate = originals.claim("b", text + " now")
    assert duplicate is not None and duplicate.original_id == "a" and 0.8 <= duplicate.similarity < 1.0


def test_a_text_with_other_numbers_is_no_duplicate() -> None:
    originals = window()
    text = "At least {} people killed in the floods according to the civil protection agency of the region"
    originals.claim("a", text.format(41))
    assert originals.claim("b", text.format(60)) is None


def test_the_same_post_again_is_its_own_original() -> None:
    originals = window()
    assert originals.claim("a", "Flood in Genoa") is None
    assert originals.claim("a", "Flood in Genoa") is None
    assert len(originals) == 1


def test_the_window_drops_the_oldest_original_first() -> None:
    originals = DuplicateWindow(capacity=2, similarity=0.8)
    for post_id in ("a", "b", "c"):
        originals.claim(post_id, f"text number {post_id} of this test")
    assert "a" not in originals and "c" in originals
    assert originals.claim("d", "text number a of this test") is None


def test_a_forgotten_original_has_no_duplicates() -> None:
    originals = window()
    originals.claim("a", "Water in the streets of the old town tonight")
    originals.forget("a")
    assert len(originals) == 0 and not originals._buckets
    assert originals.claim("b", "Water in the streets of the old town tonight") is None


def test_canonical_text_ignores_case_punctuation_and_hash_signs() -> None:
    assert canonical("FLOOD, in #Genoa!") == canonical("flood in genoa")
