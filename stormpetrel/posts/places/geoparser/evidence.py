"""The evidence for each place that a name may stand for, as features of a model (`resolver_model.py`).

Each piece of evidence is (feature, value, reason for people); features that are not there are 0. Counts and distances
are brought to some 0 to 3, so that one strength of regularisation suits all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stormpetrel.core.cells import EARTH_RADIUS_KM
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate
from stormpetrel.posts.places.geoparser.candidates import Found
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces

PLACE = ("population", "no_population", "less_than_largest", "alternate_name", "other_script")
KIND = ("region", "country", "admin1", "admin2", "point")
MATCH = ("changed_form", "case_ending", "clitic", "demonym", "part_of_name", "misspelt", "small_letters")
CONTEXT = ("author_country", "author_region", "language", "recent_country", "recent_division", "recent_near")
NAMES = ("same_country", "same_region", "near", "followed_by_its_area")
NO_PLACE = (
    *("lacking", "lacking_recent", "lacking_part", "lacking_form", "lacking_words", "lacking_namesakes"),
    *("lacking_short", "lacking_small_letters"),
)
BY_CONTEXT = (
    *("at_other_name", "at_other_name_sure", "at_other_name_unknown"),
    *("at_recent", "at_recent_share", "at_recent_unknown"),
)
FEATURES = PLACE + KIND + MATCH + CONTEXT + NAMES + NO_PLACE + BY_CONTEXT
Piece = tuple[str, float, str]
NEAR_KM = 150.0
SMALL_POPULATION = 1000
SHORT = 3  # letters: a code of a state, or of something else
LATIN = re.compile("[A-Za-z]")
LEAST_SHARE = 0.02  # of recent posts: less says nothing
KILOMETRES_A_DEGREE = 111.0


@dataclass(frozen=True)
class Context:
    """The evidence beside the post's names: candidates of the author's declared place, the post's language and the
    countries that speak it, the places of recent posts."""

    author: tuple[Candidate, ...] = ()
    speakers: frozenset[str] = frozenset()
    recent: RecentPlaces | None = None
    language: str | None = None


def evidence_alone(candidate: Candidate, found: Found, name: str, context: Context) -> list[Piece]:
    """The evidence from the gazetteer, the author, the language and recent posts: what is known of a name without the
    post's other names."""
    return [*_of_place(candidate, found, name, context.speakers), *_of_context(candidate, context)]


def _of_place(candidate: Candidate, found: Found, name: str, speakers: frozenset[str]) -> Iterator[Piece]:
    size = math.log10(candidate.population + SMALL_POPULATION) - math.log10(SMALL_POPULATION)
    yield "population", size, ""
    if not candidate.population:
        yield "no_population", 1.0, ""
    largest = max(place.population for place in found.places)
    if largest > candidate.population:
        yield (
            "less_than_largest",
            math.log10((largest + SMALL_POPULATION) / (candidate.population + SMALL_POPULATION)),
            "",
        )
    # Main names are in Latin letters and often English: in other letters, and where the post's language is spoken, the
    # gazetteer's alternate name is the place's own (Genova).
    if candidate.alternate and not LATIN.search(name):
        yield "other_script", 1.0, ""
    elif candidate.alternate and candidate.country_code not in speakers:
        yield "alternate_name", 1.0, ""
    if candidate.kind != "city":
        yield candidate.kind, 1.0, ""
    if found.match != "exact":
        yield found.match, 1.0, "" if found.match != "misspelt" else f"the post may mean {candidate.name}"
    if candidate.kind in ("city", "point") and name.islower() and name.isascii():
        yield "small_letters", 1.0, ""


def _of_context(candidate: Candidate, context: Context) -> Iterator[Piece]:
    country, admin1 = candidate.country_code, candidate.admin1_code
    if any(place.country_code == country for place in context.author):
        yield "author_country", 1.0, "the author's country"
    if any(_same_division(place, candidate) for place in context.author):
        yield "author_region", 1.0, "the author's region"
    if country in context.speakers:
        yield "language", 1.0, "the language is spoken there"
    recent = context.recent
    if recent is None or not len(recent):
        return
    if (share := recent.share(country)) > LEAST_SHARE:
        yield "recent_country", math.sqrt(share), "recent posts are there"
        if admin1 and (share := recent.share(country, admin1)) > LEAST_SHARE:
            yield "recent_division", math.sqrt(share), ""
    share = recent.share_near(candidate.longitude, candidate.latitude)
    if share > LEAST_SHARE:
        yield "recent_near", math.sqrt(share), "recent posts are near"


Other = tuple[Candidate, float]


def evidence_of_names(candidate: Candidate, others: Sequence[Other], following: Other | None) -> list[Piece]:
    """Evidence from the post's other names, weighted by their confidence; the best of each kind counts. `following` is
    the name right after this one."""
    best: dict[str, tuple[float, str]] = {}
    for other, confidence in others:
        if other.geonames_id != candidate.geonames_id or other.name != candidate.name:
            for feature, reason in relations(candidate, other):
                best[feature] = max((confidence, reason), best.get(feature, (0.0, "")))
    if following is not None and candidate.kind in ("city", "point") and _is_in(candidate, following[0]):
        best["followed_by_its_area"] = (following[1], "")
    return [(feature, *best[feature]) for feature in NAMES if feature in best]


def relations(candidate: Candidate, other: Candidate) -> Iterator[tuple[str, str]]:
    """(feature, reason) of each relation of a candidate to another name's place."""
    if candidate.country_code and other.country_code == candidate.country_code:
        yield "same_country", f"{other.name} is in the same country"
        if _same_division(other, candidate):
            yield "same_region", f"{other.name} is in the same region"
    if other.kind not in ("country", "region") and candidate.kind in ("city", "point"):
        reach_km = NEAR_KM + other.radius_km * 0.5
        # Most pairs need no more than the difference of their latitudes.
        is_near = abs(candidate.latitude - other.latitude) * KILOMETRES_A_DEGREE < reach_km
        if is_near and kilometres(candidate, other) < reach_km:
            yield "near", f"{other.name} is near"


def evidence_of_no_place(found: Found, name: str, context: Context) -> list[Piece]:
    """The evidence for a place that the gazetteer lacks: a small one, or one that is known by another name."""
    share = context.recent.highest_share() if context.recent is not None else 0.0
    words = math.log2(len(name.split()) or 1)
    pieces = [("lacking", 1.0, ""), ("lacking_recent", math.sqrt(share), ""), ("lacking_words", words, "")]
    if found.match in ("part_of_name", "misspelt"):
        pieces.append(("lacking_part", 1.0, ""))
    elif found.match != "exact":
        pieces.append(("lacking_form", 1.0, ""))
    if len(name) <= SHORT:
        pieces.append(("lacking_short", 1.0, ""))
    if name.islower() and name.isascii():
        pieces.append(("lacking_small_letters", 1.0, ""))
    pieces.append(("lacking_namesakes", math.log10(1 + len(found.places)), ""))
    return pieces


def evidence_at_other_name(other: Other, found: Found) -> list[Piece]:
    """The evidence that a name is near another name of the post."""
    place, confidence = other
    pieces = [("at_other_name", 1.0, f"the post names {place.name}"), ("at_other_name_sure", confidence, "")]
    return pieces if found.places else [*pieces, ("at_other_name_unknown", 1.0, "")]


def evidence_at_recent(place: Candidate, share: float, found: Found) -> list[Piece]:
    """The evidence that a name is where recent posts are."""
    pieces = [("at_recent", 1.0, f"recent posts are near {place.name}"), ("at_recent_share", math.sqrt(share), "")]
    return pieces if found.places else [*pieces, ("at_recent_unknown", 1.0, "")]


def kilometres(place: Candidate, other: Candidate) -> float:
    """The distance between two places."""
    # NumPy takes ten times as long for a single pair.
    latitude, other_latitude = math.radians(place.latitude), math.radians(other.latitude)
    half_lat = math.sin((other_latitude - latitude) / 2)
    half_lon = math.sin(math.radians(other.longitude - place.longitude) / 2)
    chord = half_lat * half_lat + math.cos(latitude) * math.cos(other_latitude) * half_lon * half_lon
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


def _is_in(candidate: Candidate, area: Candidate) -> bool:
    if area.kind == "country":
        return area.country_code == candidate.country_code
    return area.kind == "admin1" and _same_division(area, candidate)


def _same_division(place: Candidate, other: Candidate) -> bool:
    is_same_country = place.country_code == other.country_code
    return bool(place.admin1_code) and is_same_country and place.admin1_code == other.admin1_code
