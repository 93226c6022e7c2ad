"""Names found in texts, and the points they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.events import NativePlace
from stormpetrel.places.cells import distance_km, rings
from stormpetrel.places.gazetteer import Candidate, Gazetteer
from stormpetrel.places.recogniser import PlaceRecogniser
from stormpetrel.places.resolver import PlaceFinder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Alluvione a Genova, strade chiuse", ["Genoa"]),
        ("Floods in #Chennai tonight", ["Chennai"]),
        ("أمطار غزيرة في بيروت اليوم", ["Beirut"]),
        ("Nice day for Reading a book", []),
        ("genova under water", []),
        ("Genovation is no place", []),
    ],
)
def test_names_are_found(place_finder: PlaceFinder, text: str, names: list[str]) -> None:
    assert [place.name for place in place_finder.places(text)] == names


def test_the_other_names_of_a_post_decide_between_namesakes(place_finder: PlaceFinder) -> None:
    (alone,) = list(place_finder.places("Water in Córdoba")) or [None]
    together = place_finder.places("Water in Córdoba, Sevilla and Madrid")
    assert alone is None or alone.country_code == "AR"
    assert together[0].country_code == "ES"


def test_the_geotag_comes_first_and_both_are_kept(place_finder: PlaceFinder) -> None:
    found = place_finder.places("Flood in Genova", NativePlace(longitude=8.9, latitude=44.4))
    assert [place.origin for place in found] == ["native", "gazetteer"]
    assert found[0].confidence == 1.0


def test_a_country_is_named_but_is_no_point(place_finder: PlaceFinder) -> None:
    (found,) = place_finder.places("Earthquake strikes Ecuador")
    assert (found.kind, found.country_code) == ("country", "EC")
    assert found.confidence <= 0.5


@given(st.text(max_size=300))
def test_offsets_always_index_the_original_text(text: str) -> None:
    names = ["straße", "i̇zmir", "genova", "água", "ﬁrenze"]
    places = {name: (Candidate(1, name, 0.0, 0.0, "XX", None, 1, "city"),) for name in names}
    finder = PlaceRecogniser(Gazetteer(places))
    for padded in (text, f"{text} Genova", f"İ{text} Straße {text}", f"\u200f{text} İzmir"):
        last = 0
        for mention in finder.find(padded):
            assert last <= mention.start < mention.end <= len(padded)
            last = mention.end


def test_offsets_survive_letters_that_fold_to_more_than_one() -> None:
    places = {"genova": (Candidate(1, "Genoa", 8.9, 44.4, "IT", None, 600_000, "city"),)}
    (mention,) = PlaceRecogniser(Gazetteer(places)).find("İİ ß Genova")
    assert "İİ ß Genova"[mention.start : mention.end] == "Genova"


def test_rings_grow() -> None:
    disks = list(rings(8.93, 44.41))
    assert [resolution for resolution, _ in disks] == [7, 5, 5, 3]
    assert [len(cells) for _, cells in disks] == [19, 7, 37, 19]


def test_distances_are_great_circles() -> None:
    genoa_to_milan, nothing = distance_km(8.934, 44.407, [9.19, 8.934], [45.464, 44.407])
    assert 118 < genoa_to_milan < 121
    assert nothing == 0
