"""Geoparsing: place names are found in texts, and resolved to points with their evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.events import NativePlace
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.evidence import Context
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.recent_places import SMOOTHING, RecentPlace, RecentPlaces
from stormpetrel.posts.places.geoparser.toponym_resolver import Resolution, ToponymResolver
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import Mention, PlaceRecogniser

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def resolve(gazetteer: Gazetteer, *names: str, context: Context | None = None) -> list[Resolution]:
    return ToponymResolver(gazetteer).resolve([Mention(name, 0, len(name)) for name in names], context)


def country_of(resolution: Resolution) -> str | None:
    return resolution.chosen.country_code if resolution.chosen else None


def confidence_in(country: str, resolution: Resolution) -> float:
    return next(confidence for place, confidence in resolution.ranked if place.country_code == country)


SEVILLA = RecentPlace("Sevilla", -5.97, 37.39, "ES", "51", 12.0)
MATI = RecentPlace("Mati", 23.98, 38.05, "GR", "ES30", 3.0)


def recent_posts(place: RecentPlace, count: int) -> RecentPlaces:
    recent = RecentPlaces()
    for minute in range(count):
        recent.note(NOW + timedelta(minutes=minute), place)
    return recent


# Recognition


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("Flooding in Houston and Corpus Christi, Texas", "en", ["Houston", "Corpus Christi", "Texas"]),
        ("أمطار غزيرة في الكويت اليوم", "ar", ["Kuwait"]),
        ("Alluvione a genova, strade chiuse", "it", ["Genoa"]),
        ("Inundaciones en SEVILLA y Málaga", "es", ["Sevilla", "Málaga"]),
        ("Crue à Toulouse", "fr", ["Toulouse"]),
        ("Cheias no Porto", "pt", ["Porto"]),
        ("Tulva Tampereella ja Helsinki", "fi", ["Tampere", "Helsinki"]),
        ("İzmir'de sel", "tr", ["İzmir"]),
        ("Hochwasser: Hamburgs Keller laufen voll", "de", ["Hamburg"]),
        ("acqua alta a faenza, tutto in forma", "it", ["Faenza"]),
        ("Have a nice day reading of it", "en", []),
        ("Genovation is no place", "it", []),
    ],
)
def test_place_names_are_found_in_eight_languages(
    geoparser: Geoparser, text: str, language: str, names: list[str]
) -> None:
    assert [place.name for place in geoparser.places(text, language=language)] == names


def test_a_place_in_a_hashtag_is_found_as_one(geoparser: Geoparser) -> None:
    (chennai,) = geoparser.places("Stay safe everyone #ChennaiFloods", language="en")
    assert (chennai.name, chennai.found_by) == ("Chennai", "hashtag")


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("#chennaifloods", "Chennai"),
        ("#PRAYFORKERALA", "Kerala"),
        ("#alluvionegenova", "Genoa"),
        ("#allertameteotoscana2023", "Tuscany"),
        ("#stronghouston", "Houston"),
        ("#houstonastros", None),
        ("#inondations", None),
    ],
)
def test_a_hashtag_in_one_case_is_split_at_words_of_disasters(geoparser: Geoparser, tag: str, name: str | None) -> None:
    found = [place.name for place in geoparser.places(f"Look {tag}", language="en")]
    assert found == ([name] if name else [])


NOISE = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(
    NOISE,
    st.sampled_from(["Genova", "İzmir", "#ChennaiFloods", "الكويت", "São Paulo", "NICE", "Of", "Reading", "ﬁrenze"]),
)
@settings(max_examples=120, deadline=None)
def test_offsets_always_index_the_original_text(geoparser: Geoparser, noise: str, name: str) -> None:
    texts = [noise, f"{noise} {name}", f"\u200f{noise}\u200b{name} 🌊 {noise}", f"{name}{noise}"]
    for text, mentions in zip(texts, geoparser.mentions(texts, ["en", "it", "ar", None]), strict=True):
        end = 0
        for mention in mentions:
            assert end <= mention.start < mention.end <= len(text)
            assert text[mention.start : mention.end] == mention.name
            end = mention.end
        places, unresolved = geoparser.resolve(text, mentions)
        assert len(places) + len(unresolved) >= len({mention.name.casefold() for mention in mentions})


def test_empty_and_very_long_texts_are_read(geoparser: Geoparser) -> None:
    texts = ["", " ", "Houston " + "🌊 water " * 450, "\u200b" * 4000]
    mentions = geoparser.mentions(texts, None)
    assert [[mention.name for mention in of_text] for of_text in mentions] == [[], [], ["Houston"], []]


def test_a_folder_without_a_tagger_is_refused_with_the_remedy(tmp_path: Path, small_gazetteer: Gazetteer) -> None:
    with pytest.raises(ModelUnavailable, match="stormpetrel train places"):
        load_tagger(tmp_path, small_gazetteer)


def test_without_a_tagger_the_gazetteer_finds_large_places(small_gazetteer: Gazetteer) -> None:
    recogniser = PlaceRecogniser(small_gazetteer)
    (mentions,) = recogniser.find(["genova and Mati and cordoba, #SpainFloods"])
    assert [mention.name for mention in mentions] == ["genova", "Mati", "cordoba", "Spain"]


# Resolution


def test_population_decides_between_namesakes_and_the_others_stay_alternatives(small_gazetteer: Gazetteer) -> None:
    (cordoba,) = resolve(small_gazetteer, "Córdoba")
    assert country_of(cordoba) == "AR"
    assert [place.country_code for place, _ in cordoba.ranked] == ["AR", "ES"]


def test_the_other_names_of_a_post_decide_between_namesakes(small_gazetteer: Gazetteer) -> None:
    cordoba, *_ = resolve(small_gazetteer, "Córdoba", "Sevilla", "Spain")
    assert country_of(cordoba) == "ES"
    assert any(reason.endswith("is in the same country") for reason in cordoba.why)
    springfield, _ = resolve(small_gazetteer, "Springfield", "Illinois")
    assert springfield.chosen is not None and springfield.chosen.admin1_code == "IL"


def test_the_author_the_language_and_recent_posts_are_evidence(small_gazetteer: Gazetteer) -> None:
    author = tuple(small_gazetteer.candidates("Spain"))
    contexts = {
        "none": Context(),
        "language": Context(speakers=frozenset({"ES"})),
        "author": Context(author=author),
        "recent": Context(author=author, recent=recent_posts(SEVILLA, 50)),
    }
    resolutions = {name: resolve(small_gazetteer, "Córdoba", context=context)[0] for name, context in contexts.items()}
    none, language, by_author, recent = (confidence_in("ES", resolution) for resolution in resolutions.values())
    assert none < language < by_author < recent
    assert country_of(resolutions["recent"]) == "ES"
    assert {"the author's country", "recent posts are there"} <= set(resolutions["recent"].why)


def test_an_unknown_name_is_located_by_recent_posts(small_gazetteer: Gazetteer) -> None:
    (rafina,) = resolve(small_gazetteer, "Rafina", context=Context(recent=recent_posts(MATI, 200)))
    assert rafina.by_context and rafina.chosen is not None and rafina.chosen.name == "Mati"
    assert "recent posts are near Mati" in rafina.why and rafina.chosen.radius_km >= 50
    (nowhere,) = resolve(small_gazetteer, "Rafina")
    assert nowhere.chosen is None


def test_a_misspelt_name_has_a_point_where_recent_posts_are(small_gazetteer: Gazetteer) -> None:
    (sevila,) = resolve(small_gazetteer, "Sevila", context=Context(recent=recent_posts(SEVILLA, 200)))
    assert sevila.chosen is not None and sevila.chosen.name == "Sevilla" and not sevila.by_context
    assert "the post may mean Sevilla" in sevila.why
    far = resolve(small_gazetteer, "Sevila", context=Context(recent=recent_posts(MATI, 200)))[0]
    assert all(place.name != "Sevilla" for place, _ in far.ranked)


def test_a_street_is_not_the_city_it_is_named_after(geoparser: Geoparser) -> None:
    english = geoparser.places("River burst its banks in Genoa, people are trapped in corso Torino", language="en")
    assert {place.name for place in english} == {"Genoa"}
    italian = geoparser.places("Allagata via Roma a Savona", language="it")
    assert {place.name for place in italian} == {"Savona"}


def test_equal_namesakes_are_alternatives_without_a_point(small_gazetteer: Gazetteer) -> None:
    (neustadt,) = resolve(small_gazetteer, "Neustadt")
    assert neustadt.chosen is None
    first, *others = [confidence for _, confidence in neustadt.ranked]
    assert others == pytest.approx([first] * 2, abs=0.001) and sum([first, *others]) < 1


def test_a_small_place_without_namesakes_has_a_point(small_gazetteer: Gazetteer) -> None:
    (aal,) = resolve(
        small_gazetteer, "Ål", context=Context(recent=recent_posts(RecentPlace("Gol", 8.9, 60.7, "NO"), 9))
    )
    assert country_of(aal) == "NO" and 0.5 < aal.ranked[0][1] < 1


def test_the_local_name_of_a_town_is_its_own_where_the_language_is_spoken(gazetteer: Gazetteer) -> None:
    (english,) = resolve(gazetteer, "Genova")
    (italian,) = resolve(gazetteer, "Genova", context=Context(speakers=gazetteer.speakers("it"), language="it"))
    assert country_of(italian) == "IT" and italian.ranked[0][1] > 0.7
    assert italian.ranked[0][1] > confidence_in("IT", english)


def test_a_name_of_a_town_and_its_province_is_the_town(gazetteer: Gazetteer) -> None:
    for name in ("Tampere", "Genoa", "Sevilla"):
        (resolution,) = resolve(gazetteer, name)
        assert resolution.chosen is not None and resolution.chosen.kind == "city"
    (county,) = resolve(gazetteer, "Harris County")
    assert county.chosen is not None and county.chosen.kind == "admin2"


def test_a_name_that_the_gazetteer_lacks_has_no_point(small_gazetteer: Gazetteer) -> None:
    (zzyzx,) = resolve(small_gazetteer, "Zzyzx Road")
    assert zzyzx.chosen is None and zzyzx.why == ("the gazetteer does not know this name",)


def test_the_order_of_names_does_not_change_the_evidence(small_gazetteer: Gazetteer) -> None:
    forwards = resolve(small_gazetteer, "Córdoba", "Sevilla", "Illinois")
    backwards = resolve(small_gazetteer, "Illinois", "Sevilla", "Córdoba")
    assert [resolution.ranked for resolution in forwards] == [resolution.ranked for resolution in reversed(backwards)]


def test_the_window_of_recent_places_drops_the_oldest() -> None:
    recent = RecentPlaces(timedelta(hours=1), capacity=100)
    recent.note(NOW, MATI)
    recent.note(NOW + timedelta(hours=2), SEVILLA)
    assert len(recent) == 1 and recent.share("GR") == 0 and recent.share("ES") > 0
    assert recent.share_near(23.9, 38.0) == 0 and recent.share_near(-5.9, 37.4) > 0
    for second in range(200):
        recent.note(NOW + timedelta(hours=2, seconds=second), SEVILLA)
    assert len(recent) == 100 and recent.most_frequent() == (SEVILLA, pytest.approx(100 / 110))


POINTS = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.sampled_from(["IT", "ES"]))


@given(st.lists(POINTS, max_size=60), st.integers(1, 30))
def test_the_window_counts_what_is_in_it_and_nothing_else(
    points: list[tuple[float, float, str]], capacity: int
) -> None:
    recent = RecentPlaces(capacity=capacity)
    places = [RecentPlace("x", longitude, latitude, country) for longitude, latitude, country in points]
    for place in places:
        recent.note(NOW, place)
    kept, smoothed = places[-capacity:], min(len(places), capacity) + SMOOTHING
    for place in kept:
        column, row = place.square or (0, 0)
        squares = [other.square or (0, 0) for other in kept]
        near = sum(abs(x - column) <= 1 and abs(y - row) <= 1 for x, y in squares)
        assert recent.share_near(place.longitude, place.latitude) == pytest.approx(near / smoothed)
        assert recent.share(place.country) == sum(other.country == place.country for other in kept) / smoothed
    most_frequent = recent.most_frequent()
    assert (most_frequent is None) == (not kept) and (most_frequent is None or most_frequent[0] in kept)


def test_the_geotag_comes_before_the_named_places(geoparser: Geoparser) -> None:
    places = geoparser.places("Flood in Genova", NativePlace(longitude=8.9, latitude=44.4), language="it")
    assert [place.resolution_method for place in places] == ["native", "gazetteer"]
    assert places[0].confidence == 1.0


def test_a_country_is_an_area_and_a_city_is_not(geoparser: Geoparser) -> None:
    country, town = geoparser.places("Earthquake strikes Ecuador, worst in Quito", language="en")
    assert (country.kind, country.country_code, country.is_area) == ("country", "EC", True)
    assert (town.country_code, town.is_area) == ("EC", False)


def test_spatial_relations_move_or_widen_a_place(geoparser: Geoparser) -> None:
    (houston,) = geoparser.places("Levee broke in Houston", language="en")
    (north,) = geoparser.places("Levee broke 20 km north of Houston", language="en")
    km = distance_km(houston.longitude, houston.latitude, [north.longitude], [north.latitude])[0]
    assert km == pytest.approx(20, 0.01) and north.latitude > houston.latitude
    assert north.why[-1] == 'the post says "20 km north of"'
    (near,) = geoparser.places("Fire near Houston", language="en")
    assert houston.radius_km and near.radius_km == pytest.approx(2 * houston.radius_km)
    between = geoparser.places("Road closed between Houston and Galveston", language="en")
    assert [place.name for place in between] == ["Houston", "Galveston", "between Houston and Galveston"]
