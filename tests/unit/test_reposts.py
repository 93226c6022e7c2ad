"""What counts as a repost of a text, and what stays a post of its own."""

from __future__ import annotations

import pytest

from stormpetrel.posts.text.duplicates import DuplicateWindow

ORIGINAL = "The river is over its banks at the old bridge, stay away from the cellars #flood"


def duplicate_of(first: str, second: str, names: tuple[str, ...] = ()) -> str | None:
    window = DuplicateWindow(capacity=100, similarity=0.8)
    assert window.claim("first", first) is None
    duplicate = window.claim("second", second, lambda: names)
    return duplicate.original_id if duplicate else None


@pytest.mark.parametrize(
    "repost",
    [
        "RT @ada: The river is over its banks at the old bridge, stay away from the cel…",
        "RT @ada: The river is over its banks at the old bridge, stay away ...",
        "RT @ada: RT @bob: The river is over its banks at the old bridge, stay away from the cellars http:// ...",
        "Oh no! RT @ada: The river is over its banks at the old bridge, stay away from the cellars #flood",
        "“@ada: The river is over its banks at the old bridge, stay away from the cellars” @bob",
        "The river is over its banks at the old bridge, stay away from the cellars http://t.co/2 via @ada",
        "The river is over its banks at the old bridge, stay away from the cellars #flood #news @bob http://t.co/3",
        "RT @ada: The river is over its banks at the old bridge",
    ],
)
def test_a_repost_in_any_form_is_counted_at_its_original(repost: str) -> None:
    assert duplicate_of(ORIGINAL, repost) == "first"
    if not repost.endswith("old bridge"):
        assert duplicate_of(repost, ORIGINAL) == "first"


@pytest.mark.parametrize(
    "other",
    [
        "Our house is flooded too, three children here RT @ada: The river is over its banks at the old bridge",
        "12 dead RT @ada: The river is over its banks at the old bridge",
        "The river is over its banks at the old bridge",
        "The river is over its banks at the new bridge, go up to the roofs and wait there #flood",
    ],
)
def test_what_says_something_else_is_a_post_of_its_own(other: str) -> None:
    assert duplicate_of(ORIGINAL, other) is None


def test_other_hashtags_at_the_end_make_another_post() -> None:
    text = "We are thinking of all the people in {}"
    assert duplicate_of(text.format("#Olbia"), text.format("#Genova")) is None


def test_a_post_that_names_another_place_is_no_near_duplicate() -> None:
    text = (
        "The civil protection asks everybody in {} to stay at home tonight, to go to the upper floors, to leave the "
        "car where it is, and to listen to the local radio until the water has gone down"
    )
    first, second = text.format("Olbia"), text.format("Nuoro")
    assert duplicate_of(first, second) == "first"
    assert duplicate_of(first, second, ("Nuoro",)) is None
    assert duplicate_of(first, first + " please", ("Olbia",)) == "first"


def test_a_place_that_a_repost_adds_as_a_hashtag_makes_another_post() -> None:
    text = "All the streets around the station are under water now"
    assert duplicate_of(text, f"{text} #Olbia", ("Olbia",)) is None
    assert duplicate_of(f"{text} #Olbia", text) == "first"


def test_a_place_that_is_cut_off_does_not_count() -> None:
    text = "All the streets around the station are under water now, in Olbia and Nuoro"
    assert duplicate_of(text, f"RT @ada: {text[:-3]}…", ("Olbia", "Nu")) == "first"


def test_a_forgotten_original_is_repeated_by_nothing() -> None:
    window = DuplicateWindow(capacity=100, similarity=0.8)
    window.claim("first", ORIGINAL)
    window.forget("first")
    assert not window._buckets
    assert window.claim("second", f"RT @ada: {ORIGINAL[:60]}…") is None


def test_a_form_that_thousands_share_is_compared_with_the_newest_alone() -> None:
    window = DuplicateWindow(capacity=10_000, similarity=1.0)
    words = "water level at the gauge of the river station"
    for number in range(300):
        window.claim(f"post-{number}", f"{words} number{'x' * (number + 1)}")
    assert window.claim("repost", f"RT @gauge: {words} number{'x' * 300}") is not None
