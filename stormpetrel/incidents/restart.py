"""An incident as it goes on after a restart: read from its newest revision in the log."""

from __future__ import annotations

from collections import Counter

from stormpetrel.core.events import Incident
from stormpetrel.incidents.reports import Vote
from stormpetrel.incidents.rules import hazard_of
from stormpetrel.incidents.tracked import TrackedIncident

PLACE_RADIUS_KM = 25.0


def restored(incident: Incident) -> TrackedIncident:
    """The incident with its counts as they were told. Reports up to its last post are heard again, and not counted
    again: read the posts of the longest window before it."""
    tracked = TrackedIncident(
        incident.incident_id, hazard_of(incident.kind), incident.first_post_at, incident.last_post_at, incident.state
    )
    tracked.revision, tracked.restored_until = incident.revision, incident.last_post_at
    tracked.posts = tracked.told_posts = tracked.narrow = incident.posts
    tracked.unknown_authors, tracked.photos = incident.authors, incident.photos
    tracked.sources, tracked.languages = Counter(incident.sources), Counter(incident.languages)
    tracked.kinds = Counter({incident.kind: incident.posts})
    tracked.relevance = 0.9 * incident.posts
    tracked.opened_at, tracked.closed_at = incident.opened_at, incident.closed_at
    tracked.posts_confidence, tracked.told_confidence = incident.posts_confidence, incident.confidence
    tracked.told_severity, tracked.restored_reasons = incident.severity, incident.severity_reasons
    tracked.radar, tracked.next_pass, tracked.signals = incident.radar, incident.next_pass, incident.signals
    tracked.merged_from, tracked.merged_into = incident.merged_from, incident.merged_into
    tracked.split_from, tracked.expected_rate = incident.split_from, incident.expected_rate
    tracked.seen_before = {e.post_id: e.photo_seen_before for e in incident.evidence if e.photo_seen_before}
    tracked.false_alarm = incident.change == "action" and incident.state == "closed"
    tracked.regions = {area: incident.posts / (place + 1) for place, area in enumerate(incident.areas)}
    tracked.places = {(vote.longitude, vote.latitude): (float(incident.posts), vote) for vote in [_core(incident)]}
    tracked.members = Counter({each.post_id: each.members - 1 for each in incident.evidence if each.members > 1})
    return tracked


def _core(incident: Incident) -> Vote:
    """Where it is, as one place."""
    country = incident.country_code or "?"
    region = incident.areas[0] if incident.areas else country
    if incident.admin1_code:
        region = f"{country}.{incident.admin1_code}"
    return Vote(
        region=region,
        country=country,
        name=incident.place,
        longitude=incident.longitude,
        latitude=incident.latitude,
        radius_km=PLACE_RADIUS_KM,
        weight=1.0,
        admin1=incident.admin1_code,
    )
