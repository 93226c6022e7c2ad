"""Toponym resolution: chooses the place that a name stands for, with a probability and the evidence.

The options of a name are its candidates in the gazetteer, a point near another name of the post, the point where recent
posts are, and a place that the gazetteer lacks, which has no point. `resolver_model.py` gives each its probability. The
confidence of an answer is the probability that its point is at most 161 km from the place. Below a threshold a name
gets no point, only alternatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.gazetteer.gazetteer import Candidate, Gazetteer
from stormpetrel.posts.places.geoparser import evidence
from stormpetrel.posts.places.geoparser.candidates import CandidateFinder, Found
from stormpetrel.posts.places.geoparser.evidence import Context, Other, Piece
from stormpetrel.posts.places.geoparser.recent_places import EXACT_KM, RecentPlace
from stormpetrel.posts.places.geoparser.resolver_model import Weights, load_resolver, shares
from stormpetrel.posts.places.tagger.recogniser import Mention

MIN_CONFIDENCE = 0.4  # below it a name gets no point: three in five of such points would be wrong
RIGHT_KM = 161.0  # a hundred miles: how near a right point is (Cheng, Caverlee, Lee 2010)
SURE = 0.5  # confidence from which another name of the post, or a misspelling, is a place to be near to
RECENT_SHARE = 0.1  # of recent posts: from it on a misspelt name may be there
CONTEXT_RADIUS_KM = 50.0  # at least, of a point that stands for a place near it
MAX_GAP = 3  # characters between a name and the name of its area: "Paris, Texas"
MAX_OTHERS = 20  # the most certain other names of a post are evidence, so that the work grows with its names alone
NO_TIME = "there was no time left to resolve this name"
UNKNOWN_NAME = "the gazetteer does not know this name"
Ranked = tuple[tuple[Candidate, float], ...]


@dataclass(frozen=True)
class Resolution:
    """A mention with its candidates and their confidence, the answer first, and the evidence for it.

    `by_context`: the answer is a point that the name must be near, not a place of its name.
    """

    mention: Mention
    ranked: Ranked
    why: tuple[str, ...]
    by_context: bool = False

    @property
    def chosen(self) -> Candidate | None:
        return self.ranked[0][0] if self.ranked and self.ranked[0][1] >= MIN_CONFIDENCE else None


@dataclass
class Options:
    """What a name may stand for. `pieces` holds the evidence for each of `places`: the candidates of the gazetteer, and
    `by_context` points at the end; `lacking` holds that for a place that the gazetteer lacks. The `leader` is the
    likeliest candidate at a first look."""

    name: str
    found: Found
    places: list[Candidate]
    pieces: list[list[Piece]]
    lacking: list[Piece]
    by_context: int = 0
    leader: Other | None = None

    @property
    def named(self) -> int:
        """How many of the places have the name."""
        return len(self.places) - self.by_context

    def add_context(self, place: Candidate, pieces: list[Piece]) -> None:
        """Adds a point that the name may be near."""
        self.places.append(replace(place, radius_km=max(place.radius_km, CONTEXT_RADIUS_KM)))
        self.pieces.append(pieces)
        self.by_context += 1


class ToponymResolver:
    """Resolves mentions. Pure: the same mentions in the same context give the same places."""

    def __init__(self, gazetteer: Gazetteer, weights: Weights | None = None) -> None:
        self._finder = CandidateFinder(gazetteer)
        self._weights = weights or load_resolver().weights

    def resolve(
        self, mentions: Sequence[Mention], context: Context | None = None, budget: Budget | None = None
    ) -> list[Resolution]:
        """One resolution a mention, in order; without candidates where the name is unknown, or the budget is spent."""
        options = self.options(mentions, context or Context(), budget or Budget())
        answers = {name: self._answer(each) for name, each in options.items() if each is not None}
        no_time: tuple[Ranked, tuple[str, ...], bool] = ((), (NO_TIME,), False)
        return [Resolution(mention, *answers.get(mention.name, no_time)) for mention in mentions]

    def options(
        self, mentions: Sequence[Mention], context: Context, budget: Budget | None = None
    ) -> dict[str, Options | None]:
        """The options of each name with their evidence; None where the time did not suffice to look it up."""
        budget = budget or Budget()
        names: dict[str, Options | None] = {}
        for text in dict.fromkeys(mention.name for mention in mentions):
            names[text] = None if budget.is_spent() else self._first_look(text, context)
        leaders = [(text.casefold(), each.leader) for text, each in names.items() if each and each.leader]
        certain = sorted(leaders, key=lambda leader: -leader[1][1])[: MAX_OTHERS + 1]
        following = _following(mentions)
        for text, each in list(names.items()):
            if each is None or budget.is_spent():
                continue
            others = [leader for other, leader in certain if other != text.casefold()][:MAX_OTHERS]
            next_name = names.get(following.get(text, ""))
            names[text] = self._second_look(each, others, next_name.leader if next_name else None, context)
        return names

    def _first_look(self, name: str, context: Context) -> Options:
        return self._with_leader(name, self._finder.find(name, context.language), context)

    def _with_leader(self, name: str, found: Found, context: Context) -> Options:
        pieces = [evidence.evidence_alone(place, found, name, context) for place in found.places]
        lacking = evidence.evidence_of_no_place(found, name, context)
        options = Options(name, found, list(found.places), pieces, lacking)
        if found.places:
            *probabilities, _ = shares([*pieces, lacking], self._weights.alone)
            best = max(range(len(probabilities)), key=probabilities.__getitem__)
            options.leader = found.places[best], probabilities[best]
        return options

    def _second_look(
        self, options: Options, others: Sequence[Other], following: Other | None, context: Context
    ) -> Options:
        """The options with the evidence of the post's other names, and with the points that the name may be near."""
        exact = [other for other in others if other[0].radius_km <= EXACT_KM and other[1] >= SURE]
        if options.found.match != "exact" or not options.found.places:
            found = self._finder.find(options.name, context.language, lambda place: _is_located(place, exact, context))
            if found.match == "misspelt":
                options = self._with_leader(options.name, found, context)
        for place, pieces in zip(options.places, options.pieces, strict=True):
            pieces += evidence.evidence_of_names(place, others, following)
        if exact:
            other = min(exact, key=lambda each: (each[0].radius_km, -each[1]))
            options.add_context(other[0], evidence.evidence_at_other_name(other, options.found))
        recent = context.recent.most_frequent() if context.recent is not None else None
        if recent is not None:
            place = _as_candidate(recent[0])
            options.add_context(place, evidence.evidence_at_recent(place, recent[1], options.found))
        return options

    def _answer(self, options: Options) -> tuple[Ranked, tuple[str, ...], bool]:
        """(ranked places, reasons, whether the first is only near) of a name."""
        if not options.places:
            return (), (UNKNOWN_NAME,), False
        *probabilities, _ = shares([*options.pieces, options.lacking], self._weights.together)
        near = _sums_of_near(options.places, probabilities)
        first = max(range(len(near)), key=lambda row: (round(near[row], 6), probabilities[row]))
        sureness, first = near[first], _its_town(options.places[: options.named], first)
        by_context = first >= options.named
        rest = sorted(set(range(options.named)) - {first}, key=lambda row: (-probabilities[row], row))
        ranked = [(options.places[first], sureness), *((options.places[row], probabilities[row]) for row in rest)]
        return tuple((place, round(share, 4)) for place, share in ranked), _reasons(options, first), by_context


def _reasons(options: Options, first: int) -> tuple[str, ...]:
    reasons = [reason for _, _, reason in options.pieces[first] if reason]
    if first >= options.named:
        return tuple(reasons) if options.named else (UNKNOWN_NAME, *reasons)
    only = ["the only place of this name"] if options.named == 1 else []
    return f"{options.places[first].population:,} people", *reasons, *only


def _sums_of_near(places: Sequence[Candidate], probabilities: Sequence[float]) -> list[float]:
    """For each place, the sum of the probabilities of those at most 161 km from it: a city and its district are one
    answer."""
    sums = []
    for place, probability in zip(places, probabilities, strict=True):
        if probability < MIN_CONFIDENCE / len(places):  # it cannot be the answer
            sums.append(probability)
            continue
        near = (
            share
            for other, share in zip(places, probabilities, strict=True)
            if abs(place.latitude - other.latitude) * evidence.KILOMETRES_A_DEGREE <= RIGHT_KM
            and evidence.kilometres(place, other) <= RIGHT_KM
        )
        sums.append(min(1.0, sum(near)))
    return sums


def _its_town(places: Sequence[Candidate], first: int) -> int:
    """The town that a second division is named after, where that is the first: people mean the town. The labels do not
    tell them apart, for both points are right."""
    if first >= len(places) or places[first].kind != "admin2":
        return first
    division = places[first]
    reach_km = min(division.radius_km, RIGHT_KM)
    towns = [
        row
        for row, place in enumerate(places)
        if place.kind == "city" and evidence.kilometres(place, division) <= reach_km
    ]
    return max(towns, key=lambda row: places[row].population, default=first)


def _following(mentions: Sequence[Mention]) -> dict[str, str]:
    """Name -> the name right after it."""
    ordered = sorted(mentions, key=lambda mention: mention.start)
    return {one.name: other.name for one, other in pairwise(ordered) if 0 <= other.start - one.end <= MAX_GAP}


def _is_located(place: Candidate, exact: Sequence[Other], context: Context) -> bool:
    """Whether a place is where the post's other names or recent posts are."""
    recent = context.recent
    if recent is not None and recent.share_near(place.longitude, place.latitude) >= RECENT_SHARE:
        return True
    return any(evidence.kilometres(place, other) <= evidence.NEAR_KM + other.radius_km for other, _ in exact)


def _as_candidate(place: RecentPlace) -> Candidate:
    point = place.longitude, place.latitude
    return Candidate(0, place.name, *point, place.country, place.admin1 or None, None, 0, place.kind, place.radius_km)
