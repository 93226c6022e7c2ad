"""How far event time has come over the partitions of a topic.

Posts that were made before the watermark have been seen, but for late ones. A partition that has nothing new holds
nobody back. Where all of them are silent, event time goes on at the pace of the clock: an incident that nobody speaks
of any more eases and closes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from datetime import datetime, timedelta

from stormpetrel.core.events import EnrichedPost

SILENT_AFTER = timedelta(seconds=1)  # a partition without news holds event time back no longer


def event_time(post: EnrichedPost, clock_skew: timedelta) -> datetime:
    """When a post was made; when it came in, where its own clock is ahead of that."""
    created, arrived = post.post.created_at, post.post.ingested_at
    return arrived if created > arrived + clock_skew else created


class Watermark:
    """Event time over partitions. It never goes back."""

    def __init__(self) -> None:
        self.value: datetime | None = None
        self.newest_post: datetime | None = None
        self._newest: dict[Hashable, datetime] = {}  # event time, by partition
        self._news_at: dict[Hashable, datetime] = {}  # the clock's time of the last post that was not late
        self._arrived_at: datetime | None = None

    def see(self, partition: Hashable, made_at: datetime, arrived_at: datetime, now: datetime) -> None:
        """A post of a partition. One that is dated beyond the clock's own time counts as made now."""
        made_at = min(made_at, now)
        self._arrived_at = max(min(arrived_at, now), self._arrived_at or min(arrived_at, now))
        if self.value is not None and made_at <= self.value:
            return
        self._newest[partition] = max(made_at, self._newest.get(partition, made_at))
        self._news_at[partition] = min(arrived_at, now)
        self.newest_post = max(made_at, self.newest_post or made_at)

    def reach(self, now: datetime, unread: Collection[Hashable]) -> datetime | None:
        """The watermark at this moment of the clock; `unread` are the partitions that hold records still to be read.
        None before the first post."""
        if not self._newest or self._arrived_at is None:
            return self.value
        if any(each not in self._newest for each in unread):
            return self.value  # of one of them nothing was read yet
        heard = [
            made_at
            for each, made_at in self._newest.items()
            if each in unread or now - self._news_at[each] < SILENT_AFTER
        ]
        if heard:
            reached = min(heard)
        else:
            silence = max(timedelta(0), now - self._arrived_at - SILENT_AFTER)
            reached = max(self._newest.values()) + silence
        return max(reached, self.value or reached)

    def pass_to(self, value: datetime | None) -> None:
        """Event time has come so far."""
        if value is not None:
            self.value = max(value, self.value or value)

    @property
    def has_waiting_posts(self) -> bool:
        """Whether a post was made after the watermark."""
        return self.newest_post is not None and (self.value is None or self.newest_post > self.value)
