"""The rank of a match among the recent ones of its saved search. It is told beside the match, and decides nothing."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

MOST_MATCHES = 500  # of one saved search that are remembered; an event of hours may have more, and ranks among these
MOST_SEARCHES = 20_000


class RecentRank(NamedTuple):
    """The rank of a match, and among how many."""

    rank: int
    of: int


class RecentRanks:
    """By the posts' own time: a match counts for the window of its search, up to the newest match there.

    In memory alone: after a restart, ranks begin anew. For one thread at a time.
    """

    def __init__(self) -> None:
        self._recent: OrderedDict[str, deque[tuple[int, str, float]]] = OrderedDict()

    def add(self, saved_search_id: str, window_ms: int, post_id: str, posted_ms: int, worth: float) -> RecentRank:
        """Ranks a match by its worth, the highest first, among those of `window_ms`, milliseconds; equal ones share the
        better rank. A post that is matched again replaces itself."""
        recent = self._recent.pop(saved_search_id, None) or deque(maxlen=MOST_MATCHES)
        newest_ms = max((entry[0] for entry in recent), default=posted_ms)
        since_ms = max(newest_ms, posted_ms) - window_ms
        kept = (entry for entry in recent if entry[0] > since_ms and entry[1] != post_id)
        recent = deque(kept, maxlen=MOST_MATCHES)
        rank = 1 + sum(entry[2] > worth for entry in recent)
        recent.append((posted_ms, post_id, worth))
        self._recent[saved_search_id] = recent
        if len(self._recent) > MOST_SEARCHES:
            self._recent.popitem(last=False)
        return RecentRank(rank, len(recent))

    def forget(self, saved_search_id: str) -> None:
        """A saved search was deleted."""
        self._recent.pop(saved_search_id, None)
