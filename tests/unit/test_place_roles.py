"""Whether a post reports from a place or only names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import EnrichedPost, NativePlace, Place, Post, decode, encode
from stormpetrel.evaluation.place_roles import LABELS_FILE, read_role_labels, role_report
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.place_role import roles, with_roles
from stormpetrel.posts.places.geoparser.role_cues import CUES_FILE, project_cues, read_cues
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from tests.conftest import DATA

TWEETS = DATA / "tweets_idrisi"
AFFECTED, MENTIONED = "affected", "mentioned"


def role(text: str, name: str, language: str | None) -> str | None:
    start = text.index(name)
    return roles(text, [(start, start + len(name))], language)[0]


@pytest.mark.parametrize(
    ("language", "text", "name", "expected"),
    [
        ("en", "Streets in Galle are under water, two people missing", "Galle", AFFECTED),
        ("en", "Thoughts and prayers for Galle", "Galle", MENTIONED),
        ("en", "A rescue team from Norway arrived in Galle after the flood", "Norway", MENTIONED),
        ("en", "A rescue team from Norway arrived in Galle after the flood", "Galle", AFFECTED),
        ("en", "Evacuees from Galle sleep in a school, the flood still rises", "Galle", AFFECTED),
        ("en", "Floods like in Venice, says the mayor", "Venice", MENTIONED),
        ("en", "Lovely sunset in Galle", "Galle", MENTIONED),
        ("en", "Donate to the Galle flood fund", "Galle", MENTIONED),
        ("en", "Galle flooded, 12 dead. Donate now", "Galle", AFFECTED),
        ("it", "Crolla un ponte a Olbia, tre dispersi", "Olbia", AFFECTED),
        ("it", "Un pensiero a chi vive a Olbia dopo l'alluvione", "Olbia", MENTIONED),
        ("es", "Evacuan el hospital de Cali por inundaciones", "Cali", AFFECTED),
        ("es", "Oremos por Cali tras la inundación", "Cali", MENTIONED),
        ("pt", "Enchente em Blumenau deixa desabrigados", "Blumenau", AFFECTED),
        ("pt", "Orem por Blumenau depois da enchente", "Blumenau", MENTIONED),
        ("fr", "Inondations à Nîmes : deux disparus", "Nîmes", AFFECTED),
        ("fr", "Solidarité avec Nîmes après les inondations", "Nîmes", MENTIONED),
        ("de", "Hochwasser in Passau, Keller unter Wasser", "Passau", AFFECTED),
        ("de", "Unsere Gedanken sind nach dem Hochwasser in Passau", "Passau", MENTIONED),
        ("fi", "Tulva Tampereella, tie on poikki", "Tampere", AFFECTED),
        ("fi", "Rukoilemme tulvan jälkeen, Tampere", "Tampere", MENTIONED),
        ("tr", "Rize'de sel, üç kişi kayıp", "Rize", AFFECTED),
        ("tr", "Selden sonra geçmiş olsun Rize", "Rize", MENTIONED),
        ("nl", "Overstroming in Valkenburg, bewoners geëvacueerd", "Valkenburg", AFFECTED),
        ("nl", "Sterkte na de overstroming, Valkenburg", "Valkenburg", MENTIONED),
        ("ar", "سيول جارفة في معان وثلاثة قتلى", "معان", AFFECTED),
        ("ar", "اللهم احفظ معان من السيول", "معان", MENTIONED),
    ],
)
def test_the_role_follows_the_cues_of_the_language(language: str, text: str, name: str, expected: str) -> None:
    assert role(text, name, language) == expected


def test_a_list_of_places_has_one_cue() -> None:
    text = "Flood in Beira: boats from Malawi, Zambia & Zimbabwe"
    spans = [(text.index(name), text.index(name) + len(name)) for name in ("Beira", "Malawi", "Zambia", "Zimbabwe")]
    assert roles(text, spans, "en") == [AFFECTED, MENTIONED, MENTIONED, MENTIONED]


def test_a_language_without_cues_is_read_by_its_hashtags_alone() -> None:
    assert role("Besztercén #earthquake", "Besztercén", "hu") == AFFECTED
    assert role("Besztercén szép idő van", "Besztercén", "hu") is None
    assert role("Besztercén szép idő van", "Besztercén", None) is None


def test_a_hazard_in_a_hashtag_counts_in_every_language() -> None:
    assert role("Olbia adesso #terremoto", "Olbia", "en") == AFFECTED
    assert role("Galle now #kurunegalafloods", "Galle", "en") == AFFECTED


def test_a_place_that_is_named_twice_has_one_role(small_gazetteer_places: list[Place]) -> None:
    text = "Pray for Genova. Genova is under water, two dead"
    first, second = small_gazetteer_places
    told = with_roles(text, [first.model_copy(update={"start": 9, "end": 15}), second], "en")
    assert [place.role for place in told] == [AFFECTED, AFFECTED]


@pytest.fixture
def small_gazetteer_places() -> list[Place]:
    place = Place(
        name="Genova", longitude=8.9, latitude=44.4, confidence=1, kind="city", resolution_method="gazetteer", start=17,
        end=23,
    )  # fmt: skip
    return [place, place]


def test_a_geotag_has_the_role_of_its_post(small_gazetteer: Gazetteer) -> None:
    geoparser = Geoparser(small_gazetteer, PlaceRecogniser(small_gazetteer))
    geotag = NativePlace(longitude=8.9, latitude=44.4)
    assert geoparser.places("The river burst its banks, flood!", geotag, language="en")[0].role == AFFECTED
    assert geoparser.places("Good coffee here", geotag, language="en")[0].role == MENTIONED


def test_a_post_about_an_event_reports_from_its_places_without_a_word_for_a_hazard() -> None:
    text = "Water coming into houses in Tewkesbury, people on roofs. Thanks from the mayor of Bath"
    spans = [(text.index(name), text.index(name) + len(name)) for name in ("Tewkesbury", "Bath")]
    assert roles(text, spans, "en") == [MENTIONED, MENTIONED]
    assert roles(text, spans, "en", is_about_event=True) == [AFFECTED, MENTIONED]
    assert roles("Prayers for Tewkesbury", [(12, 22)], "en", is_about_event=True) == [MENTIONED]
    assert roles("woda w Opolu", [(7, 12)], "pl", is_about_event=True) == [AFFECTED]


@given(
    st.text(max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=5),
    st.sampled_from(["en", "ar", "fi", "xx", None]),
)
def test_any_text_has_a_role_for_each_place(text: str, ends: list[tuple[int, int]], language: str | None) -> None:
    spans = sorted({(min(pair), min(max(pair) + 1, len(text))) for pair in ends if min(pair) < len(text)})
    told = roles(text, spans, language)
    assert len(told) == len(spans)
    assert language in (None, "xx") or None not in told


def test_every_language_has_each_kind_of_evidence() -> None:
    for language, cues in project_cues().languages.items():
        assert list(cues.hazards()), language
    assert set(project_cues().languages) == {"en", "it", "es", "pt", "fr", "de", "fi", "tr", "nl", "ar"}


def test_cues_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "cues.yaml"
    for content in ("[", "- en", "en: {hazards: flood}"):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(SetupError):
            read_cues(file)
    assert read_cues(CUES_FILE).languages


def test_the_labels_judge_other_events_than_they_develop_on() -> None:
    development = read_role_labels(LABELS_FILE.with_name("development.jsonl"))
    test = read_role_labels(LABELS_FILE)
    assert len(test) == 300
    events = [{post.post_id.rsplit("-", 1)[0] for post in posts} for posts in (development, test)]
    assert not events[0] & events[1]
    assert all(post.by_span for post in (*development, *test))


def test_the_report_counts_the_posts_of_the_folder(tmp_path: Path) -> None:
    labels, data = tmp_path / "labels.jsonl", tmp_path / "data"
    data.mkdir()
    text = "Flood in Galle, aid from Norway"
    places = [{"start": 9, "end": 14, "role": AFFECTED}, {"start": 25, "end": 31, "role": AFFECTED}]
    records = [{"id": name, "language": "en", "places": places} for name in ("a", "elsewhere")]
    labels.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    assert role_report(data, labels) is None
    (data / "posts.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\nno json", encoding="utf-8")
    report = role_report(data, labels)
    assert report is not None
    assert (report["posts"], report["posts_elsewhere"], report["places"]) == (1, 1, 2)
    assert report["affected"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667}
    labels.write_text("{}", encoding="utf-8")
    with pytest.raises(SetupError, match="restore it"):
        role_report(data, labels)


def test_an_enriched_post_without_roles_is_read(small_gazetteer_places: list[Place]) -> None:
    post = Post(post_id="x:1", source="x", text="a", created_at="2026-01-01", ingested_at="2026-01-01")
    event = EnrichedPost(
        post=post, clean_text="a", language="en", language_confidence=1, places=(small_gazetteer_places[0],),
        enriched_at="2026-01-01",
    )  # fmt: skip
    older = json.loads(encode(event)) | {"schema_version": 7}
    assert decode(json.dumps(older).encode(), EnrichedPost) == event


@pytest.mark.skipif(not TWEETS.is_dir(), reason=f"the labelled tweets are not in {TWEETS}")
def test_the_rules_beat_taking_every_place_as_affected() -> None:
    report = role_report(TWEETS)
    assert report is not None
    assert report["affected"]["precision"] > report["all_affected"] + 0.05
