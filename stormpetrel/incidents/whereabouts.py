"""Where an incident is, by the places that its reports name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from stormpetrel.incidents.reports import Vote

Weighed = tuple[float, Vote]
LEAST_TOWNS = 0.2  # of the weight in a region, that makes its towns the centre


def core_of(places: Sequence[Weighed]) -> Vote:
    """The place below the country, in the country that most reports name, that most of these name."""
    country = _heaviest(places, lambda vote: vote.country)
    there = [pair for pair in places if pair[1].country == country]
    narrow = [pair for pair in there if "." in pair[1].region or pair[1].admin1] or there
    region = _heaviest(narrow, lambda vote: vote.region)
    return max((pair for pair in narrow if pair[1].region == region), key=lambda pair: (pair[0], pair[1].name))[1]


def centre_of(places: Sequence[Weighed], core: Vote) -> tuple[float, float]:
    """Longitude and latitude: the mean of the places in its main region that are no wider than half of it."""
    inside = [pair for pair in places if pair[1].region == core.region]
    towns = [pair for pair in inside if pair[1].radius_km <= core.radius_km / 2] or inside
    total = sum(weight for weight, _ in towns)
    if total < LEAST_TOWNS * sum(weight for weight, _ in inside):
        return core.longitude, core.latitude
    longitude = sum(weight * vote.longitude for weight, vote in towns) / total
    return longitude, sum(weight * vote.latitude for weight, vote in towns) / total


def _heaviest(places: Sequence[Weighed], name_of: Callable[[Vote], str]) -> str:
    weights: defaultdict[str, float] = defaultdict(float)
    for weight, vote in places:
        weights[name_of(vote)] += weight
    return max(weights, key=lambda name: (weights[name], name))
