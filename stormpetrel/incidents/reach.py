"""How far an incident reaches: which places and incidents are its own."""

from __future__ import annotations

from stormpetrel.core.cells import distance_km
from stormpetrel.incidents.reports import Vote
from stormpetrel.incidents.rules import DEFAULT_REACH_KM, REACH_KM
from stormpetrel.incidents.tracked import TrackedIncident

MOST_RADIUS_KM = 150.0  # of a place, that the reach is widened by
MOST_COUNTRY_KM = 350.0  # a country that is wider is no place of an open incident: its point says too little
LARGE_SHARE = 0.15  # of an incident's places that a region of it has


def reach_km(kind: str) -> float:
    """How far from the centre of an incident of this kind a place may lie."""
    return REACH_KM.get(kind, DEFAULT_REACH_KM)


def may_join(incident: TrackedIncident, vote: Vote) -> bool:
    """Whether a place belongs to an incident: it is in one of its main regions, near its centre, or in the country that
    is all that is known of the incident."""
    total = sum(incident.regions.values())
    if incident.regions.get(vote.region, 0.0) > LARGE_SHARE * total:
        return True
    core = incident.core()
    if core.region == core.country == vote.country:
        return True
    return incident.distance_km(vote) <= reach_km(incident.kind) + min(vote.radius_km, MOST_RADIUS_KM)


def of_country(incident: TrackedIncident, country: str) -> bool:
    """Whether an incident lies in a country."""
    return incident.core().country == country


def touch(first: TrackedIncident, second: TrackedIncident) -> bool:
    """Whether two incidents of one hazard are so near that they are one."""
    longitude, latitude = first.centre()
    other = second.centre()
    distance = float(distance_km(longitude, latitude, [other[0]], [other[1]])[0])
    return distance <= max(reach_km(first.kind), reach_km(second.kind)) or first.core().region == second.core().region


def is_placed(incident: TrackedIncident) -> bool:
    """Whether its reports say where it is: below a country, or in a small one."""
    core = incident.core()
    return core.region != core.country or core.radius_km <= MOST_COUNTRY_KM
