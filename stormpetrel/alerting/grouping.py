"""Groups: incidents of one area that a receiver is told of together."""

from __future__ import annotations

from stormpetrel.alerting.routing import Destination
from stormpetrel.core.events import Incident


def group_of(destination: Destination, incident: Incident) -> str:
    """The name of an incident's group on a route: `rule/route/area`.

    The area is the first division, the country, the incident itself or, with `rule`, all there is. Where the first
    division is not known the country stands in, and where that is not, the incident.
    """
    return f"{destination.rule.rule_id}/{destination.path}/{_area(destination, incident)}"


def route_of(group: str) -> tuple[str, str]:
    """The rule and the path that a group's name begins with.

    >>> route_of("liguria/0.1/IT.08")
    ('liguria', '0.1')
    """
    rule_id, path, _ = group.split("/", 2)
    return rule_id, path


def _area(destination: Destination, incident: Incident) -> str:
    group_by = destination.policy.group_by
    if group_by == "rule":
        return "all"
    country, admin1 = incident.country_code, incident.admin1_code
    if group_by == "incident" or not country:
        return incident.incident_id
    return f"{country}.{admin1}" if group_by == "admin1" and admin1 else country
