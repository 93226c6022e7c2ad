"""A deleted post leaves what the detector holds of it; what it counted for stays a number."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from stormpetrel.incidents.tracked import TrackedIncident


def drop_post(heard: deque[tuple[datetime, str]], post_id: str) -> None:
    """Takes a post out of what was heard lately."""
    if any(each == post_id for _, each in heard):
        kept = [pair for pair in heard if pair[1] != post_id]
        heard.clear()
        heard.extend(kept)


def gives_up(incident: TrackedIncident, post_id: str) -> bool:
    """Takes a post out of an incident's evidence. Whether it stood for the incident."""
    before = len(incident.counted), len(incident.restored_reasons)
    incident.counted = [each for each in incident.counted if each.post_id != post_id]
    incident.seen_before.pop(post_id, None)
    incident.restored_reasons = tuple(each for each in incident.restored_reasons if each.post_id != post_id)
    counts = incident.members.pop(post_id, None)
    return counts is not None or before != (len(incident.counted), len(incident.restored_reasons))
