"""From a post to its places: the names that it holds, the points they stand for, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from stormpetrel.core.events import NativePlace, Place, PlaceAlternative, UnresolvedName
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.geoparser.relations import is_between, middle, seen_from
from stormpetrel.posts.places.geoparser.toponym_resolver import Context, Resolved, Resolver
from stormpetrel.posts.places.tagger.recogniser import Mention, PlaceRecogniser

SURE = 0.6  # confidence from which a place tells where the event is
SHOWN = 3  # alternatives
AUTHOR_CANDIDATES = 2


class Geoparser:
    """Finds and resolves. Where `recent` is given, what was resolved before speaks for what comes after, so that the
    order of posts matters; then it is for one thread at a time."""

    def __init__(self, gazetteer: Gazetteer, recogniser: PlaceRecogniser, recent: RecentPlaces | None = None) -> None:
        self._recogniser, self._resolver, self._recent = recogniser, Resolver(gazetteer), recent
        self._gazetteer = gazetteer

    def mentions(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[list[Mention]]:
        """The names in each text; many at once are faster than one by one."""
        return self._recogniser.find(texts, languages)

    def places(
        self, text: str, native: NativePlace | None = None, author_place: str | None = None, language: str | None = None
    ) -> tuple[Place, ...]:
        """The places of one post: the network's own first, then the names in the order of the text."""
        return self.resolved(text, self.mentions([text], [language])[0], native, author_place, language)[0]

    def resolved(
        self,
        text: str,
        mentions: Sequence[Mention],
        native: NativePlace | None = None,
        author_place: str | None = None,
        language: str | None = None,
    ) -> tuple[tuple[Place, ...], tuple[UnresolvedName, ...]]:
        """(places, names without a point) of a post whose names are found."""
        context = Context(self._author(author_place), self._gazetteer.speakers(language), self._recent)
        results = self._resolver.resolve(mentions, context)
        named = [_place(text, result) for result in results if result.chosen]
        unknown = [
            UnresolvedName(
                name=result.mention.name,
                start=result.mention.start,
                end=result.mention.end,
                why=result.why,
                alternatives=_alternatives(result.ranked[:SHOWN]),
            )
            for result in results
            if not result.chosen
        ]
        return (*_native(native), *named, *_between(text, results)), tuple(unknown)

    def note(self, moment: datetime, places: Iterable[Place]) -> None:
        """Takes in where a post was, for those that come after."""
        if self._recent is not None:
            for place in places:
                if place.country_code and place.confidence >= SURE and place.resolution_method == "gazetteer":
                    self._recent.note(moment, place.country_code, place.admin1_code)

    def _author(self, declared: str | None) -> tuple[Candidate, ...]:
        """The likeliest candidates of every part of "Genova, Italia"."""
        parts = [part.strip() for part in (declared or "").replace("/", ",").split(",") if part.strip()]
        found = [candidate for part in parts[:3] for candidate in self._gazetteer.candidates(part, AUTHOR_CANDIDATES)]
        countries = {candidate.country_code for candidate in found if candidate.kind in ("country", "admin1")}
        return tuple(candidate for candidate in found if not countries or candidate.country_code in countries)


def _native(native: NativePlace | None) -> tuple[Place, ...]:
    if native is None:
        return ()
    return (
        Place(
            name=native.name or "geotag",
            longitude=native.longitude,
            latitude=native.latitude,
            confidence=1.0 if native.precise else 0.9,
            kind="point",
            resolution_method="native",
        ),
    )


def _place(text: str, result: Resolved) -> Place:
    chosen, sure = result.ranked[0]
    longitude, latitude, radius, why = chosen.longitude, chosen.latitude, chosen.radius_km, result.why
    told = seen_from(text, result.mention, longitude, latitude, radius)
    if told is not None:
        relation, longitude, latitude, radius = told
        why = (*why, f'the post says "{relation}"')
    return Place(
        name=chosen.name,
        longitude=longitude,
        latitude=latitude,
        confidence=sure,
        country_code=chosen.country_code or None,
        admin1_code=chosen.admin1_code,
        admin2_code=chosen.admin2_code,
        geonames_id=chosen.geonames_id or None,
        start=result.mention.start,
        end=result.mention.end,
        kind=chosen.kind,
        resolution_method="context" if result.by_context else "gazetteer",
        found_by=result.mention.way,
        radius_km=round(radius, 1),
        alternatives=_alternatives(result.ranked[1 : SHOWN + 1]),
        why=why,
    )


def _between(text: str, results: Sequence[Resolved]) -> list[Place]:
    """What lies between two names that the post joins so; the names' own places are kept beside it."""
    found = []
    for first, second in pairwise(results):
        if first.chosen and second.chosen and is_between(text, first.mention, second.mention):
            gap = middle([(one.longitude, one.latitude) for one in (first.chosen, second.chosen)])
            if gap is not None:
                longitude, latitude, radius = gap
                name = f"between {first.chosen.name} and {second.chosen.name}"
                found.append(
                    Place(
                        name=name,
                        longitude=longitude,
                        latitude=latitude,
                        radius_km=round(radius, 1),
                        kind="point",
                        confidence=round(first.ranked[0][1] * second.ranked[0][1], 4),
                        start=first.mention.start,
                        end=second.mention.end,
                        resolution_method="context",
                        country_code=first.chosen.country_code or None,
                        why=(f"the post says {name}",),
                    )
                )
    return found


def _alternatives(ranked: Sequence[tuple[Candidate, float]]) -> tuple[PlaceAlternative, ...]:
    return tuple(
        PlaceAlternative(
            name=candidate.name,
            longitude=candidate.longitude,
            latitude=candidate.latitude,
            confidence=share,
            kind=candidate.kind,
            country_code=candidate.country_code or None,
            admin1_code=candidate.admin1_code,
            geonames_id=candidate.geonames_id or None,
        )
        for candidate, share in ranked
    )
