"""When one incident turns out to be two: a part of its reports is far from its centre and names no place near it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from stormpetrel.incidents.bursts import Counted
from stormpetrel.incidents.reach import may_join, reach_km
from stormpetrel.incidents.tracked import TrackedIncident, incident_id

FAR = 2.0  # times its reach
LEAST_REPORTS, LEAST_SHARE = 8, 0.2


def split_off(incident: TrackedIncident, at: datetime) -> list[TrackedIncident]:
    """The parts that leave an incident, each a new one with the reports of one far region; they leave it."""
    far = FAR * reach_km(incident.kind)
    named = incident.own_tags()
    by_region: defaultdict[str, list[Counted]] = defaultdict(list)
    for each in incident.counted:
        votes = each.report.votes
        is_far = bool(votes) and all(
            incident.distance_km(vote) > far and not may_join(incident, vote) for vote in votes
        )
        if is_far and not named.intersection(each.report.tags):
            by_region[votes[0].region].append(each)
    parts = []
    for _, reports in sorted(by_region.items()):
        if len(reports) < max(LEAST_REPORTS, LEAST_SHARE * len(incident.counted)):
            continue
        first = reports[0].report
        name = incident_id(f"{incident.hazard}|{incident.incident_id}", first)
        part = TrackedIncident(name, incident.hazard, first.at, first.at)
        for each in reports:
            part.add(each)
        post_ids = {each.post_id for each in reports}
        part.seen_before = {each: at for each, at in incident.seen_before.items() if each in post_ids}
        part.state, part.split_from = "opened", incident.incident_id
        part.expected_rate = incident.expected_rate
        incident.release(post_ids)
        parts.append(part)
    return parts
