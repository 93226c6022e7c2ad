"""Toponym resolution: chooses the place that a name stands for, with a confidence and the evidence.

Every candidate of a name is scored by its evidence, in log-odds: its population and whether the name is its main one;
the other names of the post (the country, the division, a place nearby); the author's declared place; the language; the
places of recent posts. The confidence is the candidate's share of all odds. Below a threshold a name gets no point,
only alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stormpetrel.core.cells import distance_km
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer, fold
from stormpetrel.posts.places.gazetteer.name_forms import DEMONYMS, STREET, name_forms
from stormpetrel.posts.places.geoparser.recent_places import RecentPlaces
from stormpetrel.posts.places.tagger.recogniser import CAPITAL_POPULATION, Mention, ordinary_words

MIN_CONFIDENCE = 0.35  # below it a name gets no point
NEAR_KM = 150.0
SAME_KM = 30.0  # candidates this near are one answer
MAX_RADIUS_KM = 200.0  # of a place that locates an unknown name
CONTEXT_FACTOR = 0.7  # of the confidence that is left then
# Weights of the evidence, in log-odds.
POPULATION, ALTERNATE, SMALL_POPULATION = 0.8, -1.2, 2000
AREA = {"country": 1.5, "region": 1.5, "admin1": 0.5}
SAME_COUNTRY, SAME_DIVISION, NEARBY = 2.2, 1.5, 1.0
AUTHOR, LANGUAGE, RECENT, RECENT_UNKNOWN = 1.2, 0.7, 2.5, 3.0
UNKNOWN_POPULATION = 500  # of a place that the gazetteer may lack
RELATIONS = ("country", "region", "near")
MAX_OTHERS = 20  # the most certain other names of a post are evidence, so that the work grows with its names alone
NO_TIME = "there was no time left to resolve this name"
Ranked = tuple[tuple[Candidate, float], ...]


@dataclass(frozen=True)
class Resolution:
    """A mention with its candidates and their confidence, the likeliest first, and the evidence for the first one.

    `by_context`: the name has no point of its own, and the first candidate is the place that it must be near.
    """

    mention: Mention
    ranked: Ranked
    why: tuple[str, ...]
    by_context: bool = False

    @property
    def chosen(self) -> Candidate | None:
        return self.ranked[0][0] if self.ranked and self.ranked[0][1] >= MIN_CONFIDENCE else None


@dataclass(frozen=True)
class Context:
    """The evidence beside the post's names: candidates of the author's declared place, the countries that speak the
    post's language, the places of recent posts."""

    author: tuple[Candidate, ...] = ()
    speakers: frozenset[str] = frozenset()
    recent: RecentPlaces | None = None


Evidence = list[tuple[float, str]]  # (log-odds, reason)


@dataclass
class _Name:
    """A name's candidates, the evidence for each, and the likeliest one with its confidence."""

    candidates: list[Candidate]
    evidence: list[Evidence]
    problem: str = "the gazetteer does not know this name"  # where it has no candidates
    leader: tuple[Candidate, float] | None = None

    def confidences(self, *others: float) -> list[float]:
        """Each candidate's share of all odds, those of `others` included."""
        scores = [*(sum(weight for weight, _ in evidence) for evidence in self.evidence), *others]
        odds = [math.exp(score - max(scores)) for score in scores]
        return [odd / sum(odds) for odd in odds[: len(self.candidates)]]

    def resolution(self, mention: Mention, unknown: float) -> Resolution:
        """The ranked candidates; `unknown` is the evidence for a place that the gazetteer lacks."""
        if not self.candidates:
            return Resolution(mention, (), (self.problem,))
        confidences = self.confidences(unknown)
        order = sorted(range(len(confidences)), key=lambda row: (-confidences[row], row))
        reasons = [reason for _, reason in self.evidence[order[0]]]
        if len(order) == 1:
            reasons.append("the only place of this name")
        return Resolution(mention, _pooled([(self.candidates[row], confidences[row]) for row in order]), tuple(reasons))


class ToponymResolver:
    """Resolves mentions. Pure: the same mentions in the same context give the same places."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def resolve(
        self, mentions: Sequence[Mention], context: Context | None = None, budget: Budget | None = None
    ) -> list[Resolution]:
        """One resolution a mention, in order; without candidates where the name is unknown, or the budget is spent."""
        context, budget = context or Context(), budget or Budget()
        names: dict[str, _Name] = {}
        for text in dict.fromkeys(mention.name for mention in mentions):
            names[text] = _Name([], [], NO_TIME) if budget.is_spent() else self._name(text, context)
        self._add_evidence_of_names(names, budget)
        share = context.recent.highest_share() if context.recent is not None else 0.0
        # A place that the gazetteer lacks is a small one, where recent posts are.
        unknown = POPULATION * math.log(UNKNOWN_POPULATION + SMALL_POPULATION) + RECENT_UNKNOWN * math.sqrt(share)
        resolutions = [names[mention.name].resolution(mention, unknown) for mention in mentions]
        points = [resolution.ranked[0] for resolution in resolutions if resolution.chosen]
        exact = [(place, confidence) for place, confidence in points if place.radius_km <= MAX_RADIUS_KM]
        anchor = min(exact, key=lambda point: (point[0].radius_km, -point[1]), default=None)
        return [self._by_context(resolution, anchor, context.recent) for resolution in resolutions]

    @staticmethod
    def _add_evidence_of_names(names: Mapping[str, _Name], budget: Budget) -> None:
        """Adds the other names' likeliest places as evidence for each name, once and before any of them changes."""
        leaders = [(text.casefold(), *name.leader) for text, name in names.items() if name.leader]
        certain = sorted(leaders, key=lambda leader: -leader[2])[: MAX_OTHERS + 1]
        for text, name in names.items():
            if budget.is_spent():
                break
            others = [(place, confidence) for other, place, confidence in certain if other != text.casefold()]
            for candidate, evidence in zip(name.candidates, name.evidence, strict=True):
                evidence += _evidence_of_names(candidate, others[:MAX_OTHERS])

    def _name(self, text: str, context: Context) -> _Name:
        candidates = self._candidates(text)
        name = _Name(candidates, [[_prior(place), *_evidence_of_context(place, context)] for place in candidates])
        likeliest = max(zip(name.confidences(), candidates, strict=True), key=lambda pair: pair[0], default=None)
        name.leader = (likeliest[1], likeliest[0]) if likeliest else None
        return name

    def _candidates(self, name: str) -> list[Candidate]:
        """The places of a name, or else of the name without its genitive, compass point, kind or article. None of a
        street: it is where the post's other names are."""
        if STREET.search(name):
            return []
        for form in name_forms(name):
            if candidates := self._gazetteer.candidates(form):
                return candidates
        return self._by_demonym(name) or self._by_part(name)

    def _by_demonym(self, name: str) -> list[Candidate]:
        """Of "Syrian" Syria: the countries, divisions or regions whose people are called so."""
        for suffix, replacement in DEMONYMS:
            if name.endswith(suffix) and len(name) - len(suffix) > 2:
                places = self._gazetteer.candidates(name[: -len(suffix)] + replacement)
                if areas := [place for place in places if place.kind in ("country", "region", "admin1")]:
                    return areas
        return []

    def _by_part(self, name: str) -> list[Candidate]:
        """Of "Charlotte Humane Society" Charlotte: the places of the longest run of its words that names a large
        one."""
        words = name.replace("#", " ").replace("_", " ").split()
        for length in range(min(len(words) - 1, 4), 0, -1):
            for start in range(len(words) - length + 1):
                run = " ".join(words[start : start + length])
                if len(run) < 4 or fold(run) in ordinary_words() or run[0].islower() or run[0].isdigit():
                    continue
                for form in (run, run.removeprefix("ال")):
                    places = self._gazetteer.candidates(form)
                    if places and (places[0].kind != "city" or places[0].population >= CAPITAL_POPULATION):
                        return places
        return []

    def _by_context(
        self, resolution: Resolution, anchor: tuple[Candidate, float] | None, recent: RecentPlaces | None
    ) -> Resolution:
        """For a name without a point of its own: at the `anchor`, the post's most exact place, or else at the recent
        posts."""
        if resolution.chosen or NO_TIME in resolution.why:
            return resolution
        if not resolution.ranked and anchor:
            place, confidence = anchor
            return _near(resolution, place, confidence, f"the post names {place.name}")
        likeliest = recent.likeliest() if recent is not None else None
        division = self._gazetteer.division(*likeliest[0]) if likeliest else None
        if likeliest and division is not None and division.radius_km <= MAX_RADIUS_KM:
            return _near(resolution, division, likeliest[1], f"recent posts are in {division.name}")
        return resolution


def _evidence_of_context(candidate: Candidate, context: Context) -> Iterator[tuple[float, str]]:
    """Evidence from the author, the language and recent posts."""
    country, admin1 = candidate.country_code, candidate.admin1_code
    if any(place.country_code == country for place in context.author):
        yield AUTHOR, "the author's country"
    if any(_same_division(place, candidate) for place in context.author):
        yield AUTHOR, "the author's region"
    if country in context.speakers:
        yield LANGUAGE, "the language is spoken there"
    if context.recent is not None and (share := context.recent.share(country)) > 0.02:
        division_share = context.recent.share(country, admin1) if admin1 else 0
        yield RECENT * (math.sqrt(share) + math.sqrt(division_share)), "recent posts are there"


def _evidence_of_names(candidate: Candidate, others: Sequence[tuple[Candidate, float]]) -> Evidence:
    """Evidence from the post's other names, weighted by their confidence; the best of each kind counts."""
    best: dict[str, tuple[float, str]] = {}
    for other, confidence in others:
        if other.geonames_id != candidate.geonames_id or other.name != candidate.name:
            for kind, weight, reason in _relations(candidate, other):
                best[kind] = max((weight * confidence, reason), best.get(kind, (0.0, "")))
    return [best[kind] for kind in RELATIONS if kind in best]


def _relations(candidate: Candidate, other: Candidate) -> Iterator[tuple[str, float, str]]:
    """(kind, weight, reason) of each relation of a candidate to another name's place."""
    if candidate.country_code and other.country_code == candidate.country_code:
        yield "country", SAME_COUNTRY, f"{other.name} is in the same country"
        if _same_division(other, candidate):
            yield "region", SAME_DIVISION, f"{other.name} is in the same region"
    if other.kind not in ("country", "region") and candidate.kind == "city":
        reach_km = NEAR_KM + other.radius_km * 0.5
        # A degree of latitude has 111 km: most pairs need no more than this.
        if abs(candidate.latitude - other.latitude) * 111 < reach_km and _distance_km(candidate, other) < reach_km:
            yield "near", NEARBY, f"{other.name} is near"


def _pooled(ranked: Sequence[tuple[Candidate, float]]) -> Ranked:
    """The first one's confidence with that of the candidates around it: a city and its district are one answer."""
    first = ranked[0][0]
    longitudes, latitudes = zip(*((place.longitude, place.latitude) for place, _ in ranked), strict=True)
    distances = distance_km(first.longitude, first.latitude, longitudes, latitudes)
    reach = max(SAME_KM, min(first.radius_km, MAX_RADIUS_KM))
    pooled = sum(confidence for (_, confidence), km in zip(ranked, distances, strict=True) if km <= reach)
    return ((first, round(min(1.0, pooled), 4)), *((place, round(confidence, 4)) for place, confidence in ranked[1:]))


def _near(resolution: Resolution, place: Candidate, confidence: float, reason: str) -> Resolution:
    """The resolution with a place near the name put first, where that is sure enough."""
    confidence *= CONTEXT_FACTOR
    if confidence < MIN_CONFIDENCE:
        return resolution
    ranked = ((place, round(confidence, 4)), *resolution.ranked)
    return Resolution(resolution.mention, ranked, (*resolution.why, reason), by_context=True)


def _prior(candidate: Candidate) -> tuple[float, str]:
    score = POPULATION * math.log(candidate.population + SMALL_POPULATION)
    score += (ALTERNATE if candidate.alternate else 0.0) + AREA.get(candidate.kind, 0.0)
    return score, f"{candidate.population:,} people"


def _distance_km(candidate: Candidate, other: Candidate) -> float:
    return float(distance_km(candidate.longitude, candidate.latitude, [other.longitude], [other.latitude])[0])


def _same_division(place: Candidate, other: Candidate) -> bool:
    is_same_country = place.country_code == other.country_code
    return bool(place.admin1_code) and is_same_country and place.admin1_code == other.admin1_code
