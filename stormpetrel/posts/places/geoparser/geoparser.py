"""Geoparsing: from a post to its places, with their points and the evidence for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

from stormpetrel.core.events import NativePlace, Place, PlaceAlternative, UnresolvedName
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer
from stormpetrel.posts.places.geoparser.evidence import Context
from stormpetrel.posts.places.geoparser.place_role import with_roles
from stormpetrel.posts.places.geoparser.recent_places import RecentPlace, RecentPlaces
from stormpetrel.posts.places.geoparser.relations import is_between, midpoint, relative_location
from stormpetrel.posts.places.geoparser.toponym_resolver import Ranked, Resolution, ToponymResolver
from stormpetrel.posts.places.tagger.recogniser import Mention, PlaceRecogniser

Item = TypeVar("Item")
CERTAIN = 0.6  # confidence from which a place is evidence for other posts
MAX_ALTERNATIVES = 3
MAX_PLACES = 30  # of a post, and as many unresolved names: a place takes up to 1 kB of the event; more are a list
AUTHOR_CANDIDATES = 2  # of each part of the author's declared place


class Geoparser:
    """Recognises and resolves place names. With `recent`, the places of earlier posts are evidence for later ones: the
    order of posts matters, and only one thread at a time may use it."""

    def __init__(
        self,
        gazetteer: Gazetteer,
        recogniser: PlaceRecogniser,
        recent: RecentPlaces | None = None,
        budget: Callable[[], Budget] = Budget,
    ) -> None:
        self._gazetteer, self._recogniser, self._recent = gazetteer, recogniser, recent
        self._resolver, self.budget = ToponymResolver(gazetteer), budget

    def mentions(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        budgets: Sequence[Budget] | None = None,
    ) -> list[list[Mention]]:
        """The place names in each text. Many texts at once are faster than one by one."""
        return self._recogniser.find(texts, languages, budgets or [self.budget() for _ in texts])

    def places(
        self, text: str, native: NativePlace | None = None, author_place: str | None = None, language: str | None = None
    ) -> tuple[Place, ...]:
        """The places of a post: the network's own first, then the names in the order of the text."""
        return self.resolve(text, self.mentions([text], [language])[0], native, author_place, language)[0]

    def resolve(
        self,
        text: str,
        mentions: Sequence[Mention],
        native: NativePlace | None = None,
        author_place: str | None = None,
        language: str | None = None,
        budget: Budget | None = None,
    ) -> tuple[tuple[Place, ...], tuple[UnresolvedName, ...]]:
        """(places, names without a point) of a post whose mentions are known, in the order of the text. A name that
        comes twice counts once; of more than 30 they are the most certain ones."""
        budget = budget or self.budget()
        with budget:
            speakers = self._gazetteer.speakers(language)
            context = Context(self._author_candidates(author_place), speakers, self._recent, language)
            resolutions = self._resolver.resolve(mentions, context, budget)
        places = [_place(text, resolution) for resolution in resolutions if resolution.chosen]
        places = with_roles(text, [*_native_place(native), *places, *_places_between(text, resolutions)], language)
        names = [_unresolved_name(resolution) for resolution in resolutions if not resolution.chosen]
        places = _distinct(places, lambda place: (_span(text, place), place.longitude, place.latitude))
        names = _distinct(names, lambda name: _span(text, name))
        if max(len(places), len(names)) > MAX_PLACES:
            budget.cuts["places"] = f"{MAX_PLACES} of {len(places)} places and {len(names)} unresolved names are kept"
        return (
            _most_certain(places, lambda place: place.confidence),
            _most_certain(names, lambda name: max((place.confidence for place in name.alternatives), default=0.0)),
        )

    def note(self, moment: datetime, places: Iterable[Place]) -> None:
        """Adds a post's places to the evidence for later posts."""
        if self._recent is not None:
            for place in places:
                if place.country_code and place.confidence >= CERTAIN and place.resolution_method == "gazetteer":
                    self._recent.note(moment, _recent_place(place))

    def _author_candidates(self, declared: str | None) -> tuple[Candidate, ...]:
        """The likeliest candidates of every part of "Genova, Italia"."""
        parts = [part.strip() for part in (declared or "").replace("/", ",").split(",") if part.strip()]
        places = [place for part in parts[:3] for place in self._gazetteer.candidates(part, AUTHOR_CANDIDATES)]
        countries = {place.country_code for place in places if place.kind in ("country", "admin1")}
        return tuple(place for place in places if not countries or place.country_code in countries)


def _recent_place(place: Place) -> RecentPlace:
    point, codes = (place.longitude, place.latitude), (place.country_code or "", place.admin1_code or "")
    return RecentPlace(place.name, *point, *codes, place.radius_km or 0.0, place.kind)


def _distinct(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[Item]:
    """The first item of each key, in order."""
    by_key: dict[Hashable, Item] = {}
    for item in items:
        by_key.setdefault(key(item), item)
    return list(by_key.values())


def _span(text: str, name: Place | UnresolvedName) -> str:
    return text[name.start : name.end].casefold()


def _most_certain(items: Sequence[Item], certainty: Callable[[Item], float]) -> tuple[Item, ...]:
    """At most `MAX_PLACES` items, in order."""
    rows = sorted(range(len(items)), key=lambda row: certainty(items[row]), reverse=True)[:MAX_PLACES]
    return tuple(items[row] for row in sorted(rows))


def _native_place(native: NativePlace | None) -> tuple[Place, ...]:
    if native is None:
        return ()
    fields = {"name": native.name or "geotag", "longitude": native.longitude, "latitude": native.latitude}
    confidence = 1.0 if native.precise else 0.9
    return (Place(**fields, confidence=confidence, kind="point", resolution_method="native"),)


def _fields(candidate: Candidate, confidence: float) -> dict[str, Any]:
    """What a place and a place alternative have in common."""
    names = ("name", "longitude", "latitude", "kind", "admin1_code")
    codes = {"country_code": candidate.country_code or None, "geonames_id": candidate.geonames_id or None}
    return {name: getattr(candidate, name) for name in names} | codes | {"confidence": confidence}


def _place(text: str, resolution: Resolution) -> Place:
    candidate, confidence = resolution.ranked[0]
    mention, why = resolution.mention, resolution.why
    fields = _fields(candidate, confidence) | {"radius_km": round(candidate.radius_km, 1)}
    if relative := relative_location(text, mention, candidate):
        relation, location = relative
        fields |= location._asdict()
        why = (*why, f'the post says "{relation}"')
    return Place(
        **fields,
        admin2_code=candidate.admin2_code,
        start=mention.start,
        end=mention.end,
        resolution_method="context" if resolution.by_context else "gazetteer",
        found_by=mention.found_by,
        alternatives=_alternatives(resolution.ranked[1 : MAX_ALTERNATIVES + 1]),
        why=why,
    )


def _unresolved_name(resolution: Resolution) -> UnresolvedName:
    mention, alternatives = resolution.mention, _alternatives(resolution.ranked[:MAX_ALTERNATIVES])
    span = {"name": mention.name, "start": mention.start, "end": mention.end}
    return UnresolvedName(**span, why=resolution.why, alternatives=alternatives)


def _places_between(text: str, resolutions: Sequence[Resolution]) -> Iterator[Place]:
    """The areas "between A and B", beside the places A and B themselves."""
    for first, second in pairwise(resolutions):
        if not (first.chosen and second.chosen and is_between(text, first.mention, second.mention)):
            continue
        if area := midpoint(first.chosen, second.chosen):
            name = f"between {first.chosen.name} and {second.chosen.name}"
            yield Place(
                **area._asdict(),
                name=name,
                kind="point",
                confidence=round(first.ranked[0][1] * second.ranked[0][1], 4),
                start=first.mention.start,
                end=second.mention.end,
                resolution_method="context",
                country_code=first.chosen.country_code or None,
                why=(f"the post says {name}",),
            )


def _alternatives(ranked: Ranked) -> tuple[PlaceAlternative, ...]:
    return tuple(PlaceAlternative(**_fields(*place)) for place in ranked)
