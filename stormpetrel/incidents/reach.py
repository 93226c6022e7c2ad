"""How far an incident reaches: which places and incidents are its own."""

from __future__ import annotations

import numpy as np

from stormpetrel.core.cells import distance_km
from stormpetrel.incidents.reports import Vote
from stormpetrel.incidents.rules import DEFAULT_REACH_KM, REACH_KM
from stormpetrel.incidents.tracked import TrackedIncident

MOST_RADIUS_KM = 150.0  # of a place, that the reach is widened by
MOST_OPEN_COUNTRY_KM = 350.0  # a country that is wider is no place of an open incident: its point says too little
NEXT_AREA = 0.5  # of the reach, from the middle of one of its areas to the next one
LARGE_SHARE = 0.15  # of an incident's places that a region of it has


def reach_km(kind: str) -> float:
    """How far from the centre of an incident of this kind a place may lie."""
    return REACH_KM.get(kind, DEFAULT_REACH_KM)


def main_areas(incident: TrackedIncident) -> list[tuple[float, float]]:
    """Longitude and latitude of the middle of each region that a large share of the reports names."""
    if incident.reckoned_areas is None:
        total = sum(incident.regions.values())
        large = {region for region, weight in incident.regions.items() if weight > LARGE_SHARE * total}
        points: dict[str, list[tuple[float, float, float]]] = {}
        for weight, vote in incident.places.values():
            if vote.region in large and vote.region != vote.country:
                points.setdefault(vote.region, []).append((weight, vote.longitude, vote.latitude))
        incident.reckoned_areas = [
            (float(longitude), float(latitude))
            for inside in points.values()
            for longitude, latitude in [np.average(np.array(inside)[:, 1:], axis=0, weights=np.array(inside)[:, 0])]
        ]
    return incident.reckoned_areas


def _is_beside(incident: TrackedIncident, longitude: float, latitude: float, within_km: float) -> bool:
    """Whether a point is so near the middle of one of its main areas: an incident grows from area to area."""
    areas = main_areas(incident)
    if not areas:
        return False
    longitudes, latitudes = zip(*areas, strict=True)
    return float(np.min(distance_km(longitude, latitude, longitudes, latitudes))) <= within_km


def may_join(incident: TrackedIncident, vote: Vote) -> bool:
    """Whether a place belongs to an incident: it is in one of its main regions or beside it, near its centre, or in the
    country that is all that is known of the incident."""
    total = sum(incident.regions.values())
    if incident.regions.get(vote.region, 0.0) > LARGE_SHARE * total:
        return True
    core = incident.core()
    if core.region == core.country == vote.country:
        return True
    reach, radius = reach_km(incident.kind), min(vote.radius_km, MOST_RADIUS_KM)
    if incident.distance_km(vote) <= reach + radius:
        return True
    return _is_beside(incident, vote.longitude, vote.latitude, NEXT_AREA * reach + radius)


def of_country(incident: TrackedIncident, country: str) -> bool:
    """Whether an incident lies in a country, or a large share of it does."""
    if incident.core().country == country:
        return True
    weight = sum(weight for region, weight in incident.regions.items() if region.split(".")[0] == country)
    return weight > LARGE_SHARE * sum(incident.regions.values())


def touch(first: TrackedIncident, second: TrackedIncident) -> bool:
    """Whether two incidents of one hazard are so near that they are one, or bear one name."""
    longitude, latitude = first.centre()
    other = second.centre()
    distance = float(distance_km(longitude, latitude, [other[0]], [other[1]])[0])
    reach = max(reach_km(first.kind), reach_km(second.kind))
    if distance <= reach or first.core().region == second.core().region:
        return True
    if first.own_tags() & second.own_tags():
        return True
    return any(_is_beside(first, *area, NEXT_AREA * reach) for area in main_areas(second))


def is_placed(incident: TrackedIncident) -> bool:
    """Whether its reports say where it is: below a country, or in a small one."""
    core = incident.core()
    return core.region != core.country or core.radius_km <= MOST_OPEN_COUNTRY_KM
