"""Names found in texts, the points they stand for, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.cells import distance_km, rings
from stormpetrel.core.errors import ModelUnavailable, SetupError
from stormpetrel.core.events import NativePlace
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.gazetteer.gazetteer_file import PlaceRow, write_gazetteer
from stormpetrel.posts.places.gazetteer.geonames_dump import division_rows, dump_rows
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.geoparser.toponym_resolver import Context, Resolver
from stormpetrel.posts.places.tagger.gazetteer_features import GazetteerMarks
from stormpetrel.posts.places.tagger.pipeline import load_tagger
from stormpetrel.posts.places.tagger.recogniser import Mention, PlaceRecogniser

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def city(
    name: str, lon: float, lat: float, country: str, people: int, admin1: str = "", **more: Sequence[str]
) -> PlaceRow:
    return PlaceRow(
        abs(hash((name, country, admin1))) % 10**6 + 1, name, lon, lat, country, "city", people, admin1, **more
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Gazetteer:
    """A gazetteer of a few places with namesakes."""
    directory = tmp_path_factory.mktemp("gazetteer") / "small"
    rows = [
        city("Springfield", -89.65, 39.8, "US", 114_000, "IL"),
        city("Springfield", -93.29, 37.2, "US", 169_000, "MO"),
        city("Genoa", 8.93, 44.41, "IT", 580_000, "08", others=["Genova", "Zena"]),
        city("Córdoba", -64.18, -31.42, "AR", 1_428_000, "05"),
        city("Córdoba", -4.78, 37.89, "ES", 325_000, "51"),
        city("Sevilla", -5.97, 37.39, "ES", 684_000, "51"),
        city("Mati", 126.2, 6.95, "PH", 147_000, "11"),
        city("St. John's", -52.7, 47.56, "CA", 110_000, "05"),
        city("Ål", 8.56, 60.63, "NO", 2_000, "20"),
        PlaceRow(1, "Illinois", -89.0, 40.0, "US", "admin1", 12_000_000, "IL", radius_km=300),
        PlaceRow(2, "Spain", -4.0, 39.7, "ES", "country", 47_000_000, radius_km=400, others=("España", "إسبانيا")),
        PlaceRow(3, "Greece", 22.5, 39.0, "GR", "country", 10_700_000, radius_km=200),
        PlaceRow(4, "Attica", 23.7, 38.0, "GR", "admin1", 3_800_000, "ES30", radius_km=50),
    ]
    write_gazetteer(directory, rows, "test", {"es": ["ES", "AR"]})
    return Gazetteer(directory)


def resolved(gazetteer: Gazetteer, *names: str, context: Context | None = None):
    return Resolver(gazetteer).resolve([Mention(name, 0, len(name)) for name in names], context)


# The gazetteer


def test_a_written_gazetteer_gives_back_every_place_by_every_name(small: Gazetteer) -> None:
    (genoa,) = small.candidates("GENOVA")
    assert (genoa.name, genoa.country_code, genoa.population, genoa.alternate) == ("Genoa", "IT", 580_000, True)
    assert [one.country_code for one in small.candidates("cordoba")] == ["AR", "ES"]
    assert small.candidates("St Johns")[:1] == [] and small.candidates("st. john’s")[0].country_code == "CA"
    assert small.candidates("nowhere") == []
    assert small.features("spain") == ("country", 47_000_000, True)
    assert small.speakers("es") == {"ES", "AR"} and small.speakers("en") == frozenset()


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L"]), min_size=3, max_size=12),
        st.integers(0, 10**7),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=25, deadline=None)
def test_any_names_come_back_from_the_files(tmp_path_factory: pytest.TempPathFactory, people: dict[str, int]) -> None:
    directory = tmp_path_factory.mktemp("any") / "gazetteer"
    rows = [PlaceRow(at + 1, name, 1.5, 2.5, "XX", "city", count) for at, (name, count) in enumerate(people.items())]
    write_gazetteer(directory, rows, "test")
    written = Gazetteer(directory)
    for row in rows:
        if fold(row.name) and len(fold(row.name)) <= 60:
            found = {(one.geonames_id, one.name, one.population) for one in written.candidates(row.name, 60)}
            assert (row.geonames_id, row.name, row.population) in found


def test_a_folder_without_a_gazetteer_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="stormpetrel places build"):
        Gazetteer(tmp_path)


def test_a_dump_of_geonames_is_read_with_its_postal_codes(tmp_path: Path) -> None:
    line = [
        "3176219",
        "Genova",
        "Genoa",
        "Genes,Zena,GOA",
        "44.40478",
        "8.94439",
        "P",
        "PPLA",
        "IT",
        "",
        "08",
        "GE",
        "",
        "",
        "580097",
        "",
        "",
        "Europe/Rome",
        "2020-01-01",
    ]
    river = [*line[:6], "T", "VAL", *line[8:]]
    (tmp_path / "IT.txt").write_text("\t".join(line) + "\n" + "\t".join(river) + "\n", encoding="utf-8")
    (tmp_path / "postal_codes").mkdir()
    code = ["IT", "16121", "Portoria", "Liguria", "08", "Genova", "GE", "", "", "44.4", "8.93", "4"]
    (tmp_path / "postal_codes" / "IT.txt").write_text("\t".join(code) + "\n", encoding="utf-8")
    (tmp_path / "admin1CodesASCII.txt").write_text("IT.08\tLiguria\tLiguria\t3174725\n", encoding="utf-8")
    (tmp_path / "admin2Codes.txt").write_text("IT.08.GE\tCittà di Genova\tGenova\t3176217\n", encoding="utf-8")
    rows = list(dump_rows(tmp_path))
    write_gazetteer(tmp_path / "made", [*rows, *division_rows(tmp_path, rows, set())], "test")
    made = Gazetteer(tmp_path / "made")
    (liguria,), (province,) = made.candidates("Liguria"), made.candidates("Città di Genova")
    assert (liguria.kind, liguria.geonames_id, province.kind, province.admin2_code) == (
        "admin1",
        3174725,
        "admin2",
        "GE",
    )
    assert list(division_rows(tmp_path, rows, {("IT", "08"), ("IT", "08", "GE")})) == []
    assert made.candidates("Zena")[0].admin2_code == "GE"
    assert made.candidates("16121 Portoria")[0].name == "Portoria"
    assert made.candidates("GOA") == [], "codes of airports are no names"
    with pytest.raises(SetupError, match="no table of GeoNames"):
        list(dump_rows(tmp_path / "made"))


# Finding


def test_marks_tell_the_tagger_what_the_gazetteer_knows(small: Gazetteer) -> None:
    marks = GazetteerMarks()
    marks.gazetteer = small
    assert marks.marks(["in", "St.", "John's", "and", "genova", "#", "Spain"]) == [
        "O",
        "B-L",
        "L-L",
        "O",
        "U-other-L",
        "O",
        "U-C",
    ]
    assert marks.marks(["Spains", "press"]) == ["U-Cs", "O"]


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("Flooding in Houston and Corpus Christi, Texas", "en", ["Houston", "Corpus Christi", "Texas"]),
        ("أمطار غزيرة في الكويت اليوم", "ar", ["Kuwait"]),
        ("Alluvione a genova, strade chiuse", "it", ["Genoa"]),
        ("Inundaciones en SEVILLA y Málaga", "es", ["Sevilla", "Málaga"]),
        ("Crue à Toulouse", "fr", ["Toulouse"]),
        ("Cheias no Porto", "pt", ["Porto"]),
        ("Tulva Tampereella ja Helsinki", "fi", ["Helsinki"]),
        ("Have a nice day reading of it", "en", []),
        ("Genovation is no place", "it", []),
    ],
)
def test_names_are_found(geoparser: Geoparser, text: str, language: str, names: list[str]) -> None:
    assert [place.name for place in geoparser.places(text, language=language)] == names


def test_a_place_in_a_hashtag_is_found_and_says_so(geoparser: Geoparser) -> None:
    (found,) = geoparser.places("Stay safe everyone #ChennaiFloods", language="en")
    assert (found.name, found.found_by) == ("Chennai", "hashtag")


STRANGE = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(
    STRANGE,
    st.sampled_from(["Genova", "İzmir", "#ChennaiFloods", "الكويت", "São Paulo", "NICE", "Of", "Reading", "ﬁrenze"]),
)
@settings(max_examples=120, deadline=None)
def test_offsets_always_index_the_original_text(geoparser: Geoparser, noise: str, name: str) -> None:
    texts = [noise, f"{noise} {name}", f"\u200f{noise}\u200b{name} 🌊 {noise}", f"{name}{noise}"]
    for text, mentions in zip(texts, geoparser.mentions(texts, ["en", "it", "ar", None]), strict=True):
        last = 0
        for mention in mentions:
            assert last <= mention.start < mention.end <= len(text)
            assert text[mention.start : mention.end] == mention.name
            last = mention.end
        places, unresolved = geoparser.resolved(text, mentions)
        assert len(places) + len(unresolved) >= len(mentions)


def test_a_post_of_4000_characters_and_one_of_nothing_are_read(geoparser: Geoparser) -> None:
    found = geoparser.mentions(["", " ", "Houston " + "🌊 water " * 450, "\u200b" * 4000], None)
    assert [len(one) > 0 for one in found] == [False, False, True, False]


def test_a_folder_without_a_tagger_says_what_to_do(tmp_path: Path, small: Gazetteer) -> None:
    with pytest.raises(ModelUnavailable, match="stormpetrel train places"):
        load_tagger(tmp_path, small)


def test_without_a_tagger_the_gazetteer_finds_large_places(small: Gazetteer) -> None:
    geoparser = PlaceRecogniser(small)
    (mentions,) = geoparser.find(["genova and Mati and cordoba, #SpainFloods"])
    assert [mention.name for mention in mentions] == ["genova", "Mati", "cordoba", "Spain"]


# Resolving


def test_people_decide_where_nothing_else_speaks_and_the_rest_stays_visible(small: Gazetteer) -> None:
    (found,) = resolved(small, "Córdoba")
    assert found.chosen is not None and found.chosen.country_code == "AR"
    assert [one.country_code for one, _ in found.ranked] == ["AR", "ES"]


def test_the_other_names_of_a_post_decide_between_namesakes(small: Gazetteer) -> None:
    found = resolved(small, "Córdoba", "Sevilla", "Spain")
    assert found[0].chosen is not None and found[0].chosen.country_code == "ES"
    assert any("same country" in reason for reason in found[0].why)
    illinois = resolved(small, "Springfield", "Illinois")[0].chosen
    assert illinois is not None and illinois.admin1_code == "IL"


def test_the_author_the_language_and_recent_posts_speak(small: Gazetteer) -> None:
    spain = tuple(small.candidates("Spain"))
    assert resolved(small, "Córdoba", context=Context(author=spain))[0].ranked[0][1] < 0.75
    recent = RecentPlaces()
    for minute in range(50):
        recent.note(NOW + timedelta(minutes=minute), "ES", "51")
    (found,) = resolved(small, "Córdoba", context=Context(author=spain, recent=recent))
    assert found.chosen is not None and found.chosen.country_code == "ES"
    assert "recent posts are there" in found.why


def test_a_namesake_far_from_the_event_is_not_taken_for_a_place_that_the_gazetteer_lacks(small: Gazetteer) -> None:
    recent = RecentPlaces()
    for minute in range(200):
        recent.note(NOW + timedelta(minutes=minute), "GR", "ES30")
    (found,) = resolved(small, "Rafina", context=Context(recent=recent))
    assert found.by_context and found.chosen is not None and found.chosen.name == "Attica"
    assert found.ranked[0][1] < 0.75


def test_a_street_is_not_the_city_it_is_named_after(geoparser: Geoparser) -> None:
    found = geoparser.places("River burst its banks in Genoa, people are trapped in corso Torino", language="en")
    assert {place.name for place in found} == {"Genoa"}
    alluvione = geoparser.places("Allagata via Roma a Savona", language="it")
    assert {place.name for place in alluvione} == {"Savona"}


def test_below_the_threshold_no_point_is_made_up(small: Gazetteer) -> None:
    (found,) = resolved(small, "Ål")
    assert found.chosen is None or found.ranked[0][1] >= 0.35
    (unknown,) = resolved(small, "Zzyzx Road")
    assert unknown.chosen is None and "does not know" in unknown.why[0]


def test_evidence_is_the_same_whatever_the_order_of_names(small: Gazetteer) -> None:
    forwards = resolved(small, "Córdoba", "Sevilla", "Illinois")
    backwards = resolved(small, "Illinois", "Sevilla", "Córdoba")
    assert [one.ranked for one in forwards] == [one.ranked for one in reversed(backwards)]


def test_the_window_forgets_what_is_old() -> None:
    recent = RecentPlaces(timedelta(hours=1), capacity=100)
    recent.note(NOW, "IT", "08")
    recent.note(NOW + timedelta(hours=2), "ES", None)
    assert len(recent) == 1 and recent.share("IT") == 0 and recent.share("ES") > 0
    for minute in range(200):
        recent.note(NOW + timedelta(hours=2, seconds=minute), "ES", "51")
    assert len(recent) == 100


def test_the_geotag_comes_first_and_both_are_kept(geoparser: Geoparser) -> None:
    found = geoparser.places("Flood in Genova", NativePlace(longitude=8.9, latitude=44.4), language="it")
    assert [place.resolution_method for place in found] == ["native", "gazetteer"]
    assert found[0].confidence == 1.0


def test_a_country_is_an_area_and_a_city_is_not(geoparser: Geoparser) -> None:
    country, town = geoparser.places("Earthquake strikes Ecuador, worst in Quito", language="en")
    assert (country.kind, country.country_code, country.is_area) == ("country", "EC", True)
    assert (town.country_code, town.is_area) == ("EC", False)


def test_what_lies_off_near_or_between_places_is_put_there(geoparser: Geoparser) -> None:
    (off,) = geoparser.places("Levee broke 20 km north of Houston", language="en")
    (plain,) = geoparser.places("Levee broke in Houston", language="en")
    assert float(distance_km(plain.longitude, plain.latitude, [off.longitude], [off.latitude])[0]) == pytest.approx(
        20, 0.01
    )
    assert off.latitude > plain.latitude and "north of" in off.why[-1]
    (near,) = geoparser.places("Fire near Houston", language="en")
    assert near.radius_km == pytest.approx(2 * (plain.radius_km or 0))
    found = geoparser.places("Road closed between Houston and Galveston", language="en")
    assert [place.name for place in found] == ["Houston", "Galveston", "between Houston and Galveston"]


def test_rings_grow() -> None:
    disks = list(rings(8.93, 44.41))
    assert [resolution for resolution, _ in disks] == [7, 5, 5, 3]
    assert [len(cells) for _, cells in disks] == [19, 7, 37, 19]


def test_distances_are_great_circles() -> None:
    genoa_to_milan, nothing = distance_km(8.934, 44.407, [9.19, 8.934], [45.464, 44.407])
    assert 118 < genoa_to_milan < 121
    assert nothing == 0
