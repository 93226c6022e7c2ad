"""The posts that the detector has taken lately, and the incident that each belongs to."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MOST_TAKEN: Final = 100_000  # posts whose repeats are known, and whose near-duplicates are counted at their incident


class TakenPosts:
    """Ids of posts with the incident of each, None where it belongs to none; the ones taken first go first."""

    def __init__(self) -> None:
        self._incidents: OrderedDict[str, str | None] = OrderedDict()

    def __contains__(self, post_id: str) -> bool:
        return post_id in self._incidents

    def note(self, post_id: str, incident_id: str | None) -> None:
        """Remembers a post and where it belongs now."""
        self._incidents[post_id] = incident_id
        if len(self._incidents) > MOST_TAKEN:
            self._incidents.popitem(last=False)

    def incident_of(self, post_id: str) -> str | None:
        """The incident that a post belongs to, if any."""
        return self._incidents.get(post_id)

    def forget(self, post_id: str) -> None:
        """Lets go of a post."""
        self._incidents.pop(post_id, None)
