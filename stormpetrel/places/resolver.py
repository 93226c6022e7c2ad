"""Chooses the point that a found name stands for, and says how sure that is.

In order: other places of the same post (same country), the author's declared place, then population. The
confidence is the chosen candidate's share of the evidence; the network's own geotag wins over all of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from stormpetrel.events import NativePlace, Place
from stormpetrel.places.gazetteer import Candidate, Gazetteer
from stormpetrel.places.recogniser import Mention, PlaceRecogniser

SAME_COUNTRY = 8.0  # how many times likelier a candidate is where the post names its country elsewhere
LEAST_CONFIDENCE = 0.35  # below it no point is made up
COUNTRY_CONFIDENCE = 0.5  # a country's point is its capital: right country, unsure place


class PlaceFinder:
    """From a post's text to resolved places. Pure: the same post gives the same places."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._recogniser = PlaceRecogniser(gazetteer)

    def places(
        self, text: str, native: NativePlace | None = None, author_place: str | None = None
    ) -> tuple[Place, ...]:
        """The places of a post: the network's geotag first, then the names in the order of the text."""
        mentions = self._recogniser.find(text)
        context = self._countries(mentions, author_place)
        named = [place for mention in mentions if (place := self._resolve(mention, context))]
        return (*self._native(native), *named)

    @staticmethod
    def _native(native: NativePlace | None) -> tuple[Place, ...]:
        if native is None:
            return ()
        return (
            Place(
                name=native.name or "geotag", longitude=native.longitude, latitude=native.latitude,
                confidence=1.0 if native.precise else 0.9, kind="point", origin="native",
            ),
        )  # fmt: skip

    def _countries(self, mentions: Sequence[Mention], author_place: str | None) -> Counter[str]:
        """How many names of the post could lie in each country; the author's place is one name more."""
        names = [self._gazetteer.names[mention.name] for mention in mentions]
        if author_place:
            names += [self._gazetteer.names[mention.name] for mention in self._recogniser.find(author_place)]
        counts: Counter[str] = Counter()
        for candidates in names:
            counts.update({candidate.country_code for candidate in candidates})
        return counts

    def _resolve(self, mention: Mention, context: Counter[str]) -> Place | None:
        candidates = self._gazetteer.names[mention.name]
        weights = [self._weight(candidate, context) for candidate in candidates]
        best = max(range(len(candidates)), key=weights.__getitem__)
        chosen = candidates[best]
        confidence = weights[best] / sum(weights)
        if chosen.kind == "country":
            confidence = min(confidence, COUNTRY_CONFIDENCE)
        if confidence < LEAST_CONFIDENCE:
            return None
        return Place(
            name=chosen.name, longitude=chosen.longitude, latitude=chosen.latitude, confidence=round(confidence, 4),
            country_code=chosen.country_code, admin1_code=chosen.admin1_code, geonames_id=chosen.geonames_id,
            start=mention.start, end=mention.end, kind=chosen.kind, origin="gazetteer",
        )  # fmt: skip

    @staticmethod
    def _weight(candidate: Candidate, context: Counter[str]) -> float:
        supported = context[candidate.country_code] > 1
        return math.sqrt(candidate.population + 1) * (SAME_COUNTRY if supported else 1.0)
