"""What the detector lets go of: a post that was deleted, and reports that a suspicion is too old to rest on."""

from __future__ import annotations

from datetime import datetime

from stormpetrel.incidents.bursts import Counted
from stormpetrel.incidents.tracked import TrackedIncident


def gives_up(incident: TrackedIncident, post_id: str) -> bool:
    """Takes a post out of an incident's evidence; what it counted for stays a number. Whether it stood for it."""
    before = len(incident.counted), len(incident.restored_reasons)
    incident.counted = [each for each in incident.counted if each.post_id != post_id]
    incident.seen_before.pop(post_id, None)
    incident.restored_reasons = tuple(each for each in incident.restored_reasons if each.post_id != post_id)
    counts = incident.members.pop(post_id, None)
    return counts is not None or before != (len(incident.counted), len(incident.restored_reasons))


def outgrown(incident: TrackedIncident, since: datetime) -> list[Counted]:
    """Takes the reports from before this moment out of a suspicion, with all that they counted for, and returns them.
    Chatter that goes on for weeks would hide what is new in it."""
    if incident.first_post_at >= since:
        return []
    old = [each for each in incident.counted if each.at < since]
    incident.restored_until = None  # what was heard again after a restart is all that is left
    incident.release({each.post_id for each in old})
    incident.first_post_at = min((each.at for each in incident.counted), default=incident.last_post_at)
    return old
