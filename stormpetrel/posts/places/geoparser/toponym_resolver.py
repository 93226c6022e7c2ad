"""Chooses the point that a name stands for, says how sure that is, and why.

Every candidate of a name is scored by evidence, in the logarithm of odds: how many people live there and whether the
name is its own; other names of the same post (the country, the division, a place nearby); the author's declared
place; the language; where the posts of the last hours were. The confidence is the candidate's share of all evidence,
and below a threshold no point is made up: the alternatives are told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stormpetrel.core.cells import distance_km
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer, fold
from stormpetrel.posts.places.gazetteer.name_forms import DEMONYMS, forms_of, is_street
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.tagger.recogniser import KNOWN, Mention, ordinary_words

MOST = 30  # candidates of a name
LEAST_CONFIDENCE = 0.35  # below it no point is made up
SHOWN = 3  # alternatives
NEAR_KM = 150.0
SAME_KM = 30.0  # candidates this near are one answer
WIDEST_KM = 200.0  # radius of what may stand for a name that is in it
CONTEXT = 0.7  # of the confidence that is left then
# Weights of the evidence, in log-odds.
PEOPLE, ALTERNATE, SMALL = 0.8, -1.2, 2000
AREA = {"country": 1.5, "region": 1.5, "admin1": 0.5}
SAME_COUNTRY, SAME_DIVISION, NEARBY = 2.2, 1.5, 1.0
AUTHOR, LANGUAGE, RECENT = 1.2, 0.7, 2.5
UNKNOWN_PEOPLE = 500  # of the place that the gazetteer may lack


@dataclass(frozen=True)
class Resolved:
    """A mention with its candidates, the likeliest first, each with its confidence; and the evidence for the first."""

    mention: Mention
    ranked: tuple[tuple[Candidate, float], ...]
    why: tuple[str, ...]
    by_context: bool = False  # the name has no point of its own: this is where it must be near

    @property
    def chosen(self) -> Candidate | None:
        return self.ranked[0][0] if self.ranked and self.ranked[0][1] >= LEAST_CONFIDENCE else None


@dataclass(frozen=True)
class Context:
    """What is known beside the post's own names. `speakers` are the countries of its language."""

    author: tuple[Candidate, ...] = ()
    speakers: frozenset[str] = frozenset()
    recent: RecentPlaces | None = None


@dataclass
class _Named:
    """A mention, its candidates, and the sum of evidence for each."""

    mention: Mention
    candidates: list[Candidate]
    scores: list[float]
    reasons: list[list[str]] = field(default_factory=list)


class Resolver:
    """From mentions to places. Pure: the same mentions in the same context give the same places."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def resolve(self, mentions: Sequence[Mention], context: Context | None = None) -> list[Resolved]:
        """One result a mention, in order; without candidates where the name is unknown."""
        given = context or Context()
        named = [self._named(mention) for mention in mentions]
        for one in named:
            self._outside(one, given)
        # The sure ones speak for the unsure: each name hears the others' likeliest places once.
        leaders = [self._leader(one) for one in named]
        for one in named:
            own = one.mention.name.casefold()
            others = [
                leader
                for leader, other in zip(leaders, named, strict=True)
                if leader is not None and other.mention.name.casefold() != own
            ]
            self._beside(one, others)
        unknown = _unknown(given.recent)
        results = [self._resolved(one, unknown) for one in named]
        return [self._by_context(result, results, given.recent) for result in results]

    def _named(self, mention: Mention) -> _Named:
        candidates = self._candidates(mention.name)
        scores = [_prior(candidate) for candidate in candidates]
        return _Named(mention, candidates, scores, [[] for _ in candidates])

    def _candidates(self, name: str) -> list[Candidate]:
        """The places of a name; without its genitive, its compass point, its kind or its article where it is unknown
        with them. None of a street: it lies where the post's other names are."""
        if is_street(name):
            return []
        for form in forms_of(name):
            found = self._gazetteer.candidates(form, MOST)
            if found:
                return found
        return self._demonym(name) or self._part(name)

    def _demonym(self, name: str) -> list[Candidate]:
        """Of "Syrian" Syria: the country, division or region whose people are called so."""
        for suffix, instead in DEMONYMS:
            if name.endswith(suffix) and len(name) - len(suffix) > 2:
                found = self._gazetteer.candidates(name[: -len(suffix)] + instead, MOST)
                found = [candidate for candidate in found if candidate.kind in ("country", "region", "admin1")]
                if found:
                    return found
        return []

    def _part(self, name: str) -> list[Candidate]:
        """Of "Charlotte Humane Society" Charlotte: the places of the longest run of its words that names a known
        one."""
        words = name.replace("#", " ").replace("_", " ").split()
        for length in range(min(len(words) - 1, 4), 0, -1):
            for start in range(len(words) - length + 1):
                run = " ".join(words[start : start + length])
                if len(run) < 4 or fold(run) in ordinary_words() or run[0].islower() or run[0].isdigit():
                    continue
                for form in (run, run.removeprefix("ال")):
                    found = self._gazetteer.candidates(form, MOST)
                    if found and (found[0].kind != "city" or found[0].population >= KNOWN):
                        return found
        return []

    @staticmethod
    def _outside(one: _Named, given: Context) -> None:
        """Evidence from the author, the language and the posts of the last hours."""
        for number, candidate in enumerate(one.candidates):
            if any(author.country_code == candidate.country_code for author in given.author):
                _add(one, number, AUTHOR, "the author's country")
            if any(_same_division(author, candidate) for author in given.author):
                _add(one, number, AUTHOR, "the author's region")
            if candidate.country_code in given.speakers:
                _add(one, number, LANGUAGE, "the language is spoken there")
            if given.recent is not None and len(given.recent):
                share = given.recent.share(candidate.country_code)
                division = (
                    given.recent.share(candidate.country_code, candidate.admin1_code) if candidate.admin1_code else 0
                )
                if share > 0.02:
                    _add(one, number, RECENT * (math.sqrt(share) + math.sqrt(division)), "recent posts are there")

    @staticmethod
    def _leader(one: _Named) -> tuple[Candidate, float] | None:
        if not one.candidates:
            return None
        shares = _shares(one.scores)
        best = int(np.argmax(shares))
        return one.candidates[best], shares[best]

    @staticmethod
    def _beside(one: _Named, others: Sequence[tuple[Candidate, float]]) -> None:
        """Evidence from the other names of the post, as sure as they are themselves; the best of each kind counts."""
        for number, candidate in enumerate(one.candidates):
            best: dict[str, float] = {}
            for other, sure in others:
                if other.geonames_id == candidate.geonames_id and other.name == candidate.name:
                    continue
                if other.country_code == candidate.country_code and candidate.country_code:
                    _raise(best, f"{other.name} is in the same country", SAME_COUNTRY * sure)
                    if _same_division(other, candidate):
                        _raise(best, f"{other.name} is in the same region", SAME_DIVISION * sure)
                if other.kind not in ("country", "region") and candidate.kind == "city":
                    km = float(
                        distance_km(candidate.longitude, candidate.latitude, [other.longitude], [other.latitude])[0]
                    )
                    if km < NEAR_KM + other.radius_km * 0.5:
                        _raise(best, f"{other.name} is near", NEARBY * sure)
            for kind in ("country", "region", "near"):
                told = [(weight, reason) for reason, weight in best.items() if reason.endswith(kind)]
                if told:
                    _add(one, number, *max(told))

    @staticmethod
    def _resolved(one: _Named, unknown: float) -> Resolved:
        if not one.candidates:
            return Resolved(one.mention, (), ("the gazetteer does not know this name",))
        shares = _shares([*one.scores, unknown])[:-1]
        order = sorted(range(len(shares)), key=lambda number: (-shares[number], number))
        first = order[0]
        reasons = [f"{one.candidates[first].population:,} people", *one.reasons[first]]
        if len(order) == 1:
            reasons.append("the only place of this name")
        ranked = [(one.candidates[at], shares[at]) for at in order]
        return Resolved(one.mention, _pooled(ranked), tuple(reasons))

    def _by_context(self, result: Resolved, all_results: Sequence[Resolved], recent: RecentPlaces | None) -> Resolved:
        """For a name that has no point of its own: where the post's other names are, or the posts of the last hours."""
        if result.chosen is not None:
            return result
        beside = [other for other in all_results if other.chosen is not None and other.chosen.radius_km <= WIDEST_KM]
        if not result.ranked and beside:
            best = min(beside, key=lambda other: (other.chosen.radius_km if other.chosen else 0.0, -other.ranked[0][1]))
            place, sure = best.ranked[0]
            return _elsewhere(result, place, CONTEXT * sure, f"the post names {place.name}")
        likely = recent.likeliest() if recent is not None else None
        division = self._gazetteer.division(*likely[0]) if likely else None
        if likely and division is not None and division.radius_km <= WIDEST_KM:
            return _elsewhere(result, division, CONTEXT * likely[1], f"recent posts are in {division.name}")
        return result


def _pooled(ranked: Sequence[tuple[Candidate, float]]) -> tuple[tuple[Candidate, float], ...]:
    """The first one's confidence with that of the candidates around it: a city and its district are one answer."""
    first = ranked[0][0]
    distances = distance_km(
        first.longitude, first.latitude, [one.longitude for one, _ in ranked], [one.latitude for one, _ in ranked]
    )
    reach = max(SAME_KM, min(first.radius_km, WIDEST_KM))
    sure = sum(share for (_, share), km in zip(ranked, distances, strict=True) if km <= reach)
    return ((first, round(min(1.0, sure), 4)), *((one, round(share, 4)) for one, share in ranked[1:]))


def _elsewhere(result: Resolved, place: Candidate, sure: float, reason: str) -> Resolved:
    if sure < LEAST_CONFIDENCE:
        return result
    return Resolved(result.mention, ((place, round(sure, 4)), *result.ranked), (*result.why, reason), by_context=True)


def _prior(candidate: Candidate) -> float:
    score = PEOPLE * math.log(candidate.population + SMALL)
    if candidate.alternate:
        score += ALTERNATE
    return score + AREA.get(candidate.kind, 0.0)


def _unknown(recent: RecentPlaces | None) -> float:
    """The evidence for a place that the gazetteer lacks: a small one, where the posts of the last hours are."""
    share = recent.highest_share() if recent is not None else 0.0
    return PEOPLE * math.log(UNKNOWN_PEOPLE + SMALL) + 1.2 * RECENT * math.sqrt(share)


def _same_division(one: Candidate, other: Candidate) -> bool:
    return bool(one.admin1_code) and (one.country_code, one.admin1_code) == (other.country_code, other.admin1_code)


def _add(one: _Named, number: int, weight: float, reason: str) -> None:
    one.scores[number] += weight
    one.reasons[number].append(reason)


def _raise(best: dict[str, float], reason: str, weight: float) -> None:
    best[reason] = max(weight, best.get(reason, 0.0))


def _shares(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    odds = [math.exp(score - top) for score in scores]
    return [one / sum(odds) for one in odds]
