"""What the detector reads of an enriched post: a report of a hazard, from places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import h3
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import EnrichedPost, Place
from stormpetrel.incidents.event_tags import is_list_of_hashtags
from stormpetrel.incidents.rules import DetectionRules, hazard_of
from stormpetrel.incidents.severity import SeverityHit, severity_hits
from stormpetrel.incidents.storm_names import storms_named

CELL_RESOLUTION = 4  # edges of about 26 km
REGION_RESOLUTION = 3  # of a place whose first division is not known


@dataclass(frozen=True)
class Vote:
    """A place of a report: its region (`IT.14`, or an H3 cell), and its point. `weight` is its share of the report's
    places, times how sure it is."""

    region: str
    country: str
    name: str
    longitude: float
    latitude: float
    radius_km: float
    weight: float
    admin1: str | None

    @property
    def cell(self) -> str:
        return str(h3.latlng_to_cell(self.latitude, self.longitude, CELL_RESOLUTION))


@dataclass(frozen=True)
class Report:
    """A post about a hazard. `votes` are its places below a country, `countries` those that it names alone, `tags` its
    new hashtags and names of storms."""

    post_id: str
    at: datetime
    hazard: str
    kinds: dict[str, float]
    probability: float
    votes: tuple[Vote, ...]
    countries: tuple[Vote, ...]
    author: str | None
    source: str
    language: str
    has_photo: bool
    vector: NDArray[np.float32] | None
    severity: tuple[SeverityHit, ...]
    tags: tuple[str, ...] = ()

    def without_places(self, is_none: Callable[[str], bool]) -> Report | None:
        """The report without places of these names; None where no place is left."""
        votes = tuple(vote for vote in self.votes if not is_none(vote.name))
        return replace(self, votes=votes) if votes or self.countries else None


def report_of(
    enriched: EnrichedPost, at: datetime, rules: DetectionRules, english: Callable[[str], str]
) -> Report | None:
    """The report that a post is of its likeliest hazard; None where it is about none, or names no affected place.
    `english` gives the gloss of a text."""
    relevance = _relevance(enriched, rules)
    kind = max(relevance, key=lambda name: (relevance[name], name), default=None)
    if kind is None or relevance[kind] < rules.least_relevance:
        return None
    if is_list_of_hashtags(enriched.clean_text):
        return None
    storms = storms_named(enriched)
    votes, countries = _votes([place for place in enriched.places if place.name not in storms], rules)
    if not votes and not countries:
        return None
    hazard = hazard_of(kind)
    return Report(
        post_id=enriched.post.post_id,
        at=at,
        hazard=hazard,
        kinds={name: value for name, value in relevance.items() if hazard_of(name) == hazard},
        probability=relevance[kind],
        votes=votes,
        countries=countries,
        author=enriched.post.author_id,
        source=enriched.post.source,
        language=enriched.language,
        has_photo=any(media.kind == "photo" for media in enriched.post.media),
        vector=enriched.text_vector.values() if enriched.text_vector else None,
        severity=severity_hits(english(enriched.clean_text)),
    )


def _relevance(enriched: EnrichedPost, rules: DetectionRules) -> dict[str, float]:
    """How probable each kind of event is, those with it that a team has taught by its labels."""
    relevance = {each.kind: each.probability for each in enriched.event_relevance}
    taught = dict(rules.label_kinds)
    for each in enriched.relevance:
        if (kind := taught.get(each.label)) is not None:
            relevance[kind] = max(each.probability, relevance.get(kind, 0.0))
    return relevance


def _votes(places: Sequence[Place], rules: DetectionRules) -> tuple[tuple[Vote, ...], tuple[Vote, ...]]:
    """The affected places below a country, then the countries that no narrower place of the post lies in.

    Where a post names a country, a narrower place in another country, which it does not name, is taken for a namesake.
    """
    affected = {
        (place.longitude, place.latitude): place
        for place in places
        if place.role != "mentioned" and place.confidence >= rules.least_place_confidence
    }
    countries = {place.country_code: place for place in affected.values() if place.kind == "country"}
    narrow = [place for place in affected.values() if place.kind not in ("country", "region")]
    if countries:
        narrow = [place for place in narrow if place.country_code in countries or place.country_code is None]
    named = {place.country_code for place in narrow}
    wide = [place for code, place in countries.items() if code not in named]
    total = len(narrow) + len(wide)
    return tuple(_vote(place, total) for place in narrow), tuple(_vote(place, total) for place in wide)


def _vote(place: Place, total: int) -> Vote:
    country = place.country_code or "?"
    if place.kind == "country":
        region = country
    elif place.admin1_code:
        region = f"{country}.{place.admin1_code}"
    else:
        region = str(h3.latlng_to_cell(place.latitude, place.longitude, REGION_RESOLUTION))
    return Vote(
        region=region,
        country=country,
        name=place.name,
        longitude=place.longitude,
        latitude=place.latitude,
        radius_km=place.radius_km or 5.0,
        weight=place.confidence / total,
        admin1=place.admin1_code,
    )
