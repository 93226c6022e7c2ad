"""Laws of glosses: English stays, what is no word stays, any text is taken, and the time grows with the length."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.posts.gloss.gloss import MOST_GLOSSED, Glosser
from stormpetrel.posts.gloss.hashtags import tag_parts
from stormpetrel.posts.gloss.word_forms import folded, key_of

FOREIGN = ["strada", "acqua", "allagata", "calle", "inundada", "Straße", "überflutet", "rue", "شارع", "ماء", "case"]
ENGLISH = ["flooded", "street", "water", "bridge", "people", "closed", "house", "warning", "help", "weather", "dead"]
KEPT = ["😱", "🌊", "16", "2,500", "@comune_di", "https://t.example/a?b=1", "#قريب", "#Xyzzq", "Qwrtplk"]
words = st.lists(st.sampled_from([*FOREIGN, *ENGLISH, *KEPT]), max_size=30)
any_case = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(text=st.text(max_size=300))
@any_case
def test_any_text_has_a_gloss(glosser: Glosser, text: str) -> None:
    gloss = glosser.gloss(text)
    assert 0 <= gloss.known <= gloss.seen
    assert 0 <= gloss.probability <= 1 + 1e-6


@given(chosen=st.lists(st.sampled_from(ENGLISH), min_size=1, max_size=20))
@any_case
def test_english_is_its_own_gloss(glosser: Glosser, chosen: list[str]) -> None:
    text = " ".join(chosen)
    gloss = glosser.gloss(text)
    assert gloss.text == text
    assert glosser.gloss(gloss.text).text == text


@given(chosen=words)
@any_case
def test_what_is_no_word_of_a_list_stays_in_order(glosser: Glosser, chosen: list[str]) -> None:
    kept = [word for word in chosen if word in KEPT]
    remaining = iter(glosser.gloss(" ".join(chosen)).text.split())
    assert all(word in remaining for word in kept)


@given(chosen=words)
@any_case
def test_a_gloss_is_a_function_of_the_text(glosser: Glosser, chosen: list[str]) -> None:
    text = " ".join(chosen)
    again = Glosser(glosser.lexicon)
    assert glosser.gloss(text) == again.gloss(text)


@given(
    unit=st.sampled_from(["strada allagata ", "#allertameteoallerta ", "überflutethochwasser", "ما", "😱", "l'", "a."])
)
@any_case
def test_a_long_text_costs_no_more_look_ups_than_its_words(glosser: Glosser, unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    assert glosser.gloss(text).seen <= MOST_GLOSSED


@given(text=st.text(max_size=60))
@any_case
def test_keys_and_folded_keys_are_their_own(text: str) -> None:
    key = key_of(text)
    assert folded(folded(key)) == folded(key)


@given(tag=st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=40))
@any_case
def test_the_parts_of_a_hashtag_make_it_up(tag: str) -> None:
    assert "".join(tag_parts(tag, {"acqua", "strada"}.__contains__)) == tag
