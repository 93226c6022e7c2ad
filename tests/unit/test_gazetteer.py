"""The gazetteer's files: names, candidates, features, and a GeoNames dump as a source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.core.cells import distance_km
from stormpetrel.core.errors import SetupError
from stormpetrel.posts.places.gazetteer.build import _added_rows
from stormpetrel.posts.places.gazetteer.case_endings import without_endings
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold
from stormpetrel.posts.places.gazetteer.gazetteer_file import MAX_LENGTH, PlaceRow, write_gazetteer
from stormpetrel.posts.places.gazetteer.geonames_dump import division_rows, dump_rows
from stormpetrel.posts.places.gazetteer.misspellings import near_spellings
from stormpetrel.posts.places.gazetteer.name_forms import without_clitics
from stormpetrel.posts.places.tagger.gazetteer_features import GazetteerFeatures

LETTERS = st.text(st.characters(categories=["L"]), min_size=3, max_size=12)


def test_every_place_is_found_by_every_name(small_gazetteer: Gazetteer) -> None:
    (genoa,) = small_gazetteer.candidates("GENOVA")
    assert (genoa.name, genoa.country_code, genoa.population, genoa.alternate) == ("Genoa", "IT", 580_000, True)
    assert [place.country_code for place in small_gazetteer.candidates("cordoba")] == ["AR", "ES"]
    assert small_gazetteer.candidates("St Johns") == []
    assert [place.country_code for place in small_gazetteer.candidates("st. john’s")] == ["CA"]
    assert small_gazetteer.candidates("nowhere") == []
    assert small_gazetteer.features("spain") == ("country", 47_000_000, True)
    assert small_gazetteer.speakers("es") == {"ES", "AR"} and small_gazetteer.speakers("en") == frozenset()


@given(st.dictionaries(LETTERS, st.integers(0, 10**7), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_any_names_round_trip_through_the_files(
    tmp_path_factory: pytest.TempPathFactory, populations: dict[str, int]
) -> None:
    directory = tmp_path_factory.mktemp("any") / "gazetteer"
    places = enumerate(populations.items(), start=1)
    rows = [PlaceRow(number, name, 1.5, 2.5, "XX", "city", population) for number, (name, population) in places]
    write_gazetteer(directory, rows, "test")
    gazetteer = Gazetteer(directory)
    for row in rows:
        if 0 < len(fold(row.name)) <= MAX_LENGTH:
            candidates = gazetteer.candidates(row.name, 60)
            expected = (row.geonames_id, row.name, row.population)
            assert expected in [(place.geonames_id, place.name, place.population) for place in candidates]


def test_a_folder_without_a_gazetteer_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="stormpetrel places build"):
        Gazetteer(tmp_path)


def _write_dump(folder: Path) -> None:
    """A GeoNames dump of one city, one valley, one postal code and the divisions around them."""
    fields = "3176219 Genova Genoa Genes,Zena,GOA 44.40478 8.94439 P PPLA IT - 08 GE - - 580097 - - Europe/Rome 2020"
    city = ["" if field == "-" else field for field in fields.split()]
    valley = [*city[:6], "T", "VAL", *city[8:]]
    postal_code = ["IT", "16121", "Portoria", "Liguria", "08", "Genova", "GE", "", "", "44.4", "8.93", "4"]
    tables = {
        "IT.txt": [city, valley],
        "postal_codes/IT.txt": [postal_code],
        "admin1CodesASCII.txt": [["IT.08", "Liguria", "Liguria", "3174725"]],
        "admin2Codes.txt": [["IT.08.GE", "Città di Genova", "Genova", "3176217"]],
    }
    for name, lines in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def test_a_geonames_dump_is_read_with_its_divisions_and_postal_codes(tmp_path: Path) -> None:
    _write_dump(tmp_path)
    rows = list(dump_rows(tmp_path))
    write_gazetteer(tmp_path / "gazetteer", [*rows, *division_rows(tmp_path, rows, set())], "test")
    gazetteer = Gazetteer(tmp_path / "gazetteer")
    (liguria,), (province,) = gazetteer.candidates("Liguria"), gazetteer.candidates("Città di Genova")
    assert (liguria.kind, liguria.geonames_id) == ("admin1", 3174725)
    assert (province.kind, province.admin2_code) == ("admin2", "GE")
    assert gazetteer.candidates("Zena")[0].admin2_code == "GE"
    assert gazetteer.candidates("16121 Portoria")[0].name == "Portoria"
    assert gazetteer.candidates("GOA") == [], "codes of airports are no names"
    assert list(division_rows(tmp_path, rows, {("IT", "08"), ("IT", "08", "GE")})) == []


def test_a_folder_without_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="give it a GeoNames table"):
        _added_rows([], tmp_path)


def _dump_line(number: int, name: str, latitude: float, longitude: float, kind: str, code: str, country: str) -> str:
    fields = [number, name, name, "", latitude, longitude, kind, code, country, "", "01", "", "", "", 0, "", "", "", ""]
    return "\t".join(map(str, fields))


def test_a_dump_gives_countries_their_points_and_waters_and_islands_their_names(tmp_path: Path) -> None:
    lines = [
        _dump_line(1, "Republic of Testland", 10.0, 20.0, "A", "PCLI", "TL"),
        _dump_line(2, "Wide River", 10.5, 20.5, "H", "STM", "TL"),
        _dump_line(3, "Tiny", 10.6, 20.6, "P", "PPL", "TL"),
        _dump_line(4, "Old Mine", 10.7, 20.7, "S", "MN", "TL"),
    ]
    (tmp_path / "TL.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    country = PlaceRow(1, "Testland", 0.0, 0.0, "TL", "country", 1000)
    added = _added_rows([country, PlaceRow(9, "Capital", 10.0, 20.0, "TL", "city", 900)], tmp_path)
    assert (country.longitude, country.latitude) == (20.0, 10.0)
    assert [(row.name, row.kind, row.radius_km) for row in added] == [
        ("Wide River", "point", 30.0),
        ("Tiny", "city", 1.5),
    ]


def test_an_openstreetmap_extract_is_read_with_its_streets_and_rivers(tmp_path: Path) -> None:
    features = [
        {"properties": {"waterway": "river", "name": "Bisagno"},
         "geometry": {"coordinates": [[8.9, 44.4], [9.1, 44.5]]}},
        {"properties": {"highway": "primary", "name": "Via Fereggiano", "name:en": "Fereggiano street"},
         "geometry": {"type": "Point", "coordinates": [8.96, 44.41]}},
        {"properties": {"place": "hamlet", "name": "Fumeri", "population": "80"},
         "geometry": {"coordinates": [8.9, 44.5]}},
        {"properties": {"shop": "bakery", "name": "Pane"}, "geometry": {"coordinates": [8.9, 44.5]}},
        {"properties": {"place": "village"}, "geometry": {"coordinates": [8.9, 44.5]}},
    ]  # fmt: skip
    (tmp_path / "liguria.geojsonseq").write_text("\n".join(f"\x1e{json.dumps(each)}" for each in features))
    (tmp_path / "liguria.geojson").write_text(json.dumps({"features": features[:1]}))
    genoa = PlaceRow(9, "Genoa", 8.93, 44.41, "IT", "city", 580_000, "08")
    river, *again = _added_rows([genoa], tmp_path)
    assert (river.name, river.kind, river.country, river.admin1) == ("Bisagno", "point", "IT", "08")
    assert (river.longitude, river.latitude) == pytest.approx((9.0, 44.45)) and 8 < river.radius_km < 12
    assert [(row.name, row.kind) for row in again[1:]] == [("Via Fereggiano", "point"), ("Fumeri", "city")]
    assert again[1].alternate_names == ["Fereggiano street"]


def test_a_file_that_is_no_geojson_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "area.geojson").write_text("{")
    with pytest.raises(SetupError, match="osmium export"):
        _added_rows([], tmp_path)


@pytest.mark.parametrize(
    ("written", "language", "name"),
    [
        ("Tampereella", "fi", "Tampere"),
        ("Helsingissä", "fi", "Helsinki"),
        ("Turussa", "fi", "Turku"),
        ("Lahdessa", "fi", "Lahti"),
        ("Porissa", "fi", "Pori"),
        ("Vantaalla", "fi", "Vantaa"),
        ("Rovaniemellä", "fi", "Rovaniemi"),
        ("İzmir'de", "tr", "İzmir"),
        ("Ankarada", "tr", "Ankara"),
        ("Budapesten", "hu", "Budapest"),
        ("Győrben", "hu", "Győr"),
        ("Kölner", "de", "Köln"),
        ("Dresdner", "de", "Dresden"),
        ("Münchner", "de", "München"),
        ("Hamburgs", "de", "Hamburg"),
        ("Wrocławiu", "pl", "Wrocław"),
        ("Częstochowy", "pl", "Częstochowa"),
        ("Krakowie", "pl", "Kraków"),
        ("Opolu", "pl", "Opole"),
        ("Βόλο", "el", "Βόλος"),
        ("Λάρισας", "el", "Λάρισα"),
    ],
)
def test_case_endings_are_taken_off(written: str, language: str, name: str) -> None:
    assert name in without_endings(written, language)
    assert without_endings(written, "en") == []


@pytest.mark.parametrize("written", ["بالكويت", "للكويت", "والكويت", "كويت", "وكويت"])
def test_arabic_clitics_are_taken_off(written: str) -> None:
    assert "الكويت" in without_clitics(written)
    assert without_clitics("Oman") == [] and without_clitics("") == []


@given(st.text(max_size=40), st.sampled_from(["fi", "tr", "hu", "de", "pl", "el", "it", None]))
def test_no_text_breaks_the_case_endings(text: str, language: str | None) -> None:
    forms = without_endings(text, language)
    assert len(forms) == len(set(forms)) and all(len(form) >= 3 for form in forms) and len(forms) < 200


def test_a_misspelt_name_is_one_edit_from_the_gazetteers(small_gazetteer: Gazetteer) -> None:
    for written in ("Sevila", "Seviila", "Sevlila", "Sevillla"):
        assert "sevilla" in near_spellings(written, small_gazetteer)
    assert near_spellings("Sevilla", small_gazetteer) == [] and near_spellings("Mat", small_gazetteer) == []


def test_letters_that_stand_for_one_another_are_one() -> None:
    assert (
        fold("الفروانيّة") == fold("الفروانيه") and fold("مستشفى") == fold("مستشفي") and fold("كويـــت") == fold("كويت")
    )
    assert (fold("Iğdır"), fold("Tromsø"), fold("Łódź")) == ("igdir", "tromso", "lodz")


def test_gazetteer_features_give_the_position_and_the_class_of_known_names(small_gazetteer: Gazetteer) -> None:
    component = GazetteerFeatures()
    component.gazetteer = small_gazetteer
    words = ["in", "St.", "John's", "and", "genova", "#", "Spain"]
    assert component.features(words) == ["O", "B-L", "L-L", "O", "U-other-L", "O", "U-C"]
    assert component.features(["Spains", "press"]) == ["U-Cs", "O"]


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90))
def test_the_nearest_town_is_the_nearest_of_all(small_gazetteer: Gazetteer, longitude: float, latitude: float) -> None:
    names = ("Springfield", "Genoa", "Córdoba", "Sevilla", "Mati", "St. John's", "Ål", "Neustadt")
    towns = [town for name in names for town in small_gazetteer.candidates(name) if town.kind == "city"]
    kilometres = distance_km(longitude, latitude, [t.longitude for t in towns], [t.latitude for t in towns])
    nearest = small_gazetteer.nearest_city(longitude, latitude)
    assert distance_km(longitude, latitude, nearest.longitude, nearest.latitude) == pytest.approx(kilometres.min())
