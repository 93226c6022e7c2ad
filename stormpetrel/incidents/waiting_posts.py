"""Posts that wait for the watermark, and come out in the order of their time and id."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

from stormpetrel.core.events import EnrichedPost


class WaitingPosts:
    """A heap of posts by event time and id.

    Two records of one post stand in the same partition, so that the order in which they came is always the same.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str, int, EnrichedPost]] = []
        self._pushed = 0

    def push(self, at: datetime, post: EnrichedPost) -> None:
        """Has a post wait until this moment."""
        self._pushed += 1
        heapq.heappush(self._heap, (at, post.post.post_id, self._pushed, post))

    def until(self, watermark: datetime) -> Iterator[tuple[datetime, EnrichedPost]]:
        """Gives out every post up to this moment, in order."""
        while self._heap and self._heap[0][0] <= watermark:
            at, *_, post = heapq.heappop(self._heap)
            yield at, post

    def forget(self, post_id: str) -> None:
        """Lets go of every record of a post."""
        if any(each[1] == post_id for each in self._heap):
            self._heap = [each for each in self._heap if each[1] != post_id]
            heapq.heapify(self._heap)
