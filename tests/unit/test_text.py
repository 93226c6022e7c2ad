"""Clean text, languages, terms, copies."""

from __future__ import annotations

import pytest

from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.text.lexical import document_terms, query_terms


def test_cleaning_keeps_words_and_drops_addresses_mentions_and_invisible_characters() -> None:
    assert clean("RT @user_1: Wasser in #Köln\u200b!! https://t.co/abc @x") == "Wasser in #Köln !!".replace(" !!", "!!")
    assert clean("RT “@a: M 7.9 quake”") == "M 7.9 quake”"
    assert clean("mail me at a@b.org") == "mail me at a@b.org"


def test_cleaning_a_text_of_addresses_alone_leaves_nothing() -> None:
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


def test_what_the_network_declared_counts_where_the_text_does_not_decide() -> None:
    assert detect("!!! 7.9", "it") == ("it", 0.5)
    assert detect("!!! 7.9") == ("und", 0.0)
    assert detect("!!! 7.9", "qme") == ("und", 0.0)
    assert detect("The river is over its banks and people are leaving their homes", "it")[0] == "en"


def test_a_query_in_another_form_of_the_word_meets_the_document() -> None:
    document = document_terms("Flooded streets, rescued people", "en")
    query = query_terms("flooding street rescue", ["en"])
    assert document and query
    assert len(set(document.indices) & set(query.indices)) >= 3


def test_a_short_query_meets_the_document_though_its_language_is_unsure() -> None:
    document = document_terms("Le strade sono allagate", "it")
    query = query_terms("strade allagate", ["sv", "it"])
    assert document and query
    assert len(set(document.indices) & set(query.indices)) >= 2


def test_texts_without_words_have_no_terms() -> None:
    assert document_terms("!!! ...", "en") is None
    assert query_terms("!?", ["en"]) is None


def window() -> DuplicateWindow:
    return DuplicateWindow(capacity=100, similarity=0.8)


def test_a_retweet_is_an_exact_copy() -> None:
    known = window()
    assert known.claim("a", "Flood in Genoa, stay home! http://t.co/1") is None
    copy = known.claim("b", "RT @x: flood in #Genoa, stay home")
    assert copy is not None and (copy.of, copy.similarity) == ("a", 1.0)


def test_a_slightly_changed_text_is_a_near_copy() -> None:
    known = window()
    text = "The river has burst its banks near the old bridge and people are moving to the upper floors of their houses"
    known.claim("a", text)
    copy = known.claim("b", text + " now")
    assert copy is not None and copy.of == "a" and 0.8 <= copy.similarity < 1.0


def test_other_numbers_are_news_not_a_copy() -> None:
    known = window()
    text = "At least {} people killed in the floods according to the civil protection agency of the region"
    known.claim("a", text.format(41))
    assert known.claim("b", text.format(60)) is None


def test_the_same_post_again_is_its_own_original() -> None:
    known = window()
    assert known.claim("a", "Flood in Genoa") is None
    assert known.claim("a", "Flood in Genoa") is None
    assert len(known) == 1


def test_the_window_forgets_the_oldest_first() -> None:
    known = DuplicateWindow(capacity=2, similarity=0.8)
    for post_id in ("a", "b", "c"):
        known.claim(post_id, f"text number {post_id} of this test")
    assert "a" not in known and "c" in known
    assert known.claim("d", "text number a of this test") is None


def test_a_forgotten_original_leaves_no_trace() -> None:
    known = window()
    known.claim("a", "Water in the streets of the old town tonight")
    known.forget("a")
    assert known.claim("b", "Water in the streets of the old town tonight") is None
    assert not known._buckets.get(("x", b""), {})


def test_canonical_text_ignores_case_marks_and_hashes() -> None:
    assert canonical("FLOOD, in #Genoa!") == canonical("flood in genoa")
