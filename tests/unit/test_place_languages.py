"""Recognition of place names beyond English: words, case forms, the posts that it is trained on, and what is found."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.bootstrap import TAGGER
from stormpetrel.core.errors import SetupError
from stormpetrel.posts.places.gazetteer.case_endings import without_endings
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.tagger.case_forms import finnish, turkish
from stormpetrel.posts.places.tagger.english_names import english_names
from stormpetrel.posts.places.tagger.language_features import LanguageFeatures
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.post_words import word_spans
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.places.tagger.sentence_templates import languages_with_templates, pieces, read_templates
from stormpetrel.posts.places.tagger.taggers import AnyTagger, EnglishTagger
from stormpetrel.posts.places.tagger.template_posts import TemplatePosts

LANGUAGES = ["ar", "de", "en", "es", "fi", "fr", "it", "nl", "pt", "tr"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=150)


@given(ANY_TEXT)
def test_words_cover_all_but_spaces_in_order(text: str) -> None:
    spans = word_spans(text, lambda word: len(word) == 4)
    assert "".join(text[start:end] for start, end in spans) == "".join(text.split())
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("all'Aquila, L’Hérault", ["all", "'", "Aquila", ",", "L", "’", "Hérault"]),
        ("İzmir'de #sel_var", ["İzmir", "'", "de", "#", "sel", "_", "var"]),
        ("بجدة والرياض", ["ب", "جدة", "و", "الرياض"]),
        ("الميّت", ["الميّت"]),
        ("Faenza-Marradi https://t.co/ab 🌊🌊", ["Faenza", "-", "Marradi", "https://t.co/ab", "🌊🌊"]),
    ],
)
def test_apostrophes_hyphens_and_clitics_are_apart(text: str, words: list[str]) -> None:
    spans = word_spans(text, {"جدة", "الرياض"}.__contains__)
    assert [text[start:end] for start, end in spans] == words


@pytest.mark.parametrize(
    ("name", "case", "form"),
    [
        ("Tampere", "lla", "Tampereella"),
        ("Turku", "ssa", "Turussa"),
        ("Lahti", "sta", "Lahdesta"),
        ("Seinäjoki", "Vn", "Seinäjokeen"),
        ("Jyväskylä", "ssa", "Jyväskylässä"),
        ("Helsinki", "n", "Helsingin"),
        ("Kemi", "Vn", "Kemiin"),
        ("New York", "ssa", "New Yorkissa"),
    ],
)
def test_finnish_names_take_their_endings_and_gradation(name: str, case: str, form: str) -> None:
    assert finnish(name, case) == form
    assert name in without_endings(form, "fi") or name in ("New York", "Seinäjoki")


@pytest.mark.parametrize(
    ("name", "case", "ending"),
    [("Bursa", "de", "da"), ("Tokat", "de", "ta"), ("İzmir", "in", "in"), ("Muğla", "e", "ya"), ("Ordu", "den", "dan")],
)
def test_turkish_endings_follow_the_last_vowel_and_consonant(name: str, case: str, ending: str) -> None:
    assert turkish(name, case) == ending


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_sixty_templates_or_more_with_and_without_places(language: str) -> None:
    sentences = read_templates(language).sentences
    assert len(set(sentences)) == len(sentences) >= 60
    without = [each for each in sentences if "{city" not in each and not any(piece.is_place for piece in pieces(each))]
    assert 0.15 < len(without) / len(sentences) < 0.5
    assert languages_with_templates() == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_seed_gives_the_same_posts_whose_marks_are_names(gazetteer: Gazetteer, language: str) -> None:
    first, again, other = (
        list(TemplatePosts(read_templates(language), gazetteer, seed).make(40)) for seed in (3, 3, 4)
    )
    assert first == again != other
    for post in first:
        assert "{" not in post.text and "[" not in post.text
        for mention in post.mentions:
            name = post.text[mention.start : mention.end]
            assert name == name.strip() and any(letter.isalpha() for letter in name)


def test_a_slot_without_a_list_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "xx.txt").write_text("river = Po\n---\nThe {rivver} rises\n", encoding="utf-8")
    with pytest.raises(SetupError, match=r"no list for \{rivver\}\. Add a line `rivver = "):
        read_templates("xx", tmp_path)


@pytest.fixture(scope="module")
def english(gazetteer: Gazetteer) -> EnglishTagger:
    from stormpetrel.posts.places.tagger.pipeline import _load, tagger_of

    tagger = tagger_of(_load(TAGGER), gazetteer)
    assert isinstance(tagger, EnglishTagger)
    return tagger


@given(ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_kept_words_are_those_of_the_tokenizer(english: EnglishTagger, text: str) -> None:
    tokens = english._pipeline.make_doc(text)
    ((words, spaces),) = english.words([text])
    assert words == [token.text for token in tokens]
    assert spaces == [bool(token.whitespace_) for token in tokens]


def test_a_known_name_with_a_case_ending_or_at_home_has_its_feature(gazetteer: Gazetteer) -> None:
    features = LanguageFeatures(gazetteer)
    names = features.names(["Joki", "tulvii", "Tampereella", "ja", "Turussa"], "fi")
    assert names[2].startswith("U-") and names[2].endswith("he") and names[4].endswith("he")
    assert features.names(["Faenza"], "it")[0].endswith("h") and not features.names(["Faenza"], "nl")[0].endswith("h")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("My aunt was in Pisa on Monday", ["Pisa"]),
        ("Bridgwater is cut off", ["Bridgwater"]),
        ("We met Sydney Brown and Jack London", []),
        ("PRAY FOR HOUSTON NOW", []),
        ("Reading is nice", []),
    ],
)
def test_english_names_that_the_gazetteer_knows_beyond_doubt(gazetteer: Gazetteer, text: str, spans: list[str]) -> None:
    assert [text[start:end] for start, end in english_names(text, gazetteer, {"reading"})] == spans


@pytest.fixture(scope="module")
def recogniser(gazetteer: Gazetteer) -> PlaceRecogniser:
    return PlaceRecogniser(gazetteer, load_tagger(TAGGER, gazetteer))


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("Il lungomare di Varazze non esiste più dopo la mareggiata", "it", "Varazze"),
        ("anche stanotte l'acqua è entrata nelle case, qui a faenza", "it", "faenza"),
        ("Il fango ha travolto Bitti, si scava nelle strade", "it", "Bitti"),
        ("Famiglie salvate dai tetti vicino ad Arzachena", "it", "Arzachena"),
        ("Esondazioni in Valbisagno, chiuse le scuole", "it", "Valbisagno"),
        ("Kadut lainehtivat Tampereella ja bussit seisovat", "fi", "Tampereella"),
        ("The river came over the wall in Bridgwater this morning", "en", "Bridgwater"),
        ("Our hotel in Pisa has water in the cellar", "en", "Pisa"),
    ],
)
def test_names_that_were_missed_before_are_found(
    recogniser: PlaceRecogniser, text: str, language: str, name: str
) -> None:
    (mentions,) = recogniser.find([text], [language])
    assert name in [mention.name for mention in mentions]


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("Woda zalewa ulice w Kłodzku, ludzie na dachach", "pl", ["Kłodzku"]),
        ("Ewakuacja szpitala w Nysie", "pl", ["Nysie"]),
        ("Dzień dobry wszystkim, miłego dnia", "pl", []),
        ("Δρόμοι κλειστοί στον Βόλο από τη βροχή", "el", ["Βόλο"]),
        ("Καλημέρα σε όλους, ωραία μέρα σήμερα", "el", []),
        ("Inundații în Slobozia Conachi", "ro", ["Slobozia Conachi"]),
        ("Longsor menutup jalan di Bogor", "id", ["Bogor"]),
        ("Selamat pagi semua", "id", []),
        ("पटना में बाढ़ का पानी घरों में घुसा, लोग छतों पर", "hi", ["पटना"]),
        ("आज मौसम अच्छा है", "hi", []),
    ],
)
def test_languages_without_a_tagger_name_the_places_where_they_are_spoken(
    recogniser: PlaceRecogniser, text: str, language: str, names: list[str]
) -> None:
    (mentions,) = recogniser.find([text], [language])
    assert [mention.name for mention in mentions] == names


def test_each_text_goes_to_the_tagger_of_its_language(recogniser: PlaceRecogniser) -> None:
    texts = ["Flooding in Houston", "سيول في الكويت", "Acqua alta a Venezia", ""]
    together = recogniser.find(texts, ["en", "ar", "it", None])
    alone = [
        recogniser.find([text], [language])[0] for text, language in zip(texts, ["en", "ar", "it", None], strict=True)
    ]
    assert together == alone
    assert [[fold(mention.name) for mention in mentions] for mentions in together[:3:2]] == [["houston"], ["venezia"]]


def test_texts_without_words_name_nothing(recogniser: PlaceRecogniser) -> None:
    texts = ["", " \n\n ", "🌊🌊", "\u200b", "#", "و"]
    for language in ("it", "ar", "en", "xx", None):
        assert recogniser.find(texts, [language] * len(texts)) == [[]] * len(texts)


def test_any_pipeline_of_the_user_is_run_with_its_own_words() -> None:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Genoa"}])
    assert AnyTagger(pipeline).spans(["Rain in Genoa", ""], [None, "it"]) == [[(8, 13)], []]
