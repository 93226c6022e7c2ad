"""The events that were published last, so that none that a network sends again stands on the log twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import Post, PostDeleted, PostEvent
from stormpetrel.core.topics import Topic
from stormpetrel.log.topic_reader import TopicReader

TAIL = 2000  # records of each partition that are looked at after a start


class RecentEvents:
    """The newest `most` events that the broker holds, and those that are queued. A post that was edited is a new one.

    A window of memory, so that its size is bounded; what is older comes through again, which its id makes harmless.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[int, None] = {}  # in the order of their coming
        self._queued: list[int] = []

    def is_repeat(self, event: PostEvent) -> bool:
        """Whether the event was seen before; if not, it counts as queued from now on."""
        mark = _mark(event)
        if mark in self._seen:
            return True
        self._seen[mark] = None
        self._queued.append(mark)
        return False

    def confirm(self) -> None:
        """The broker holds what is queued."""
        self._queued.clear()
        for mark in list(itertools.islice(self._seen, max(0, len(self._seen) - self._most))):
            del self._seen[mark]

    def forget_queued(self) -> None:
        """What is queued may not have come to the broker: it is read and published again."""
        for mark in self._queued:
            self._seen.pop(mark, None)
        self._queued.clear()

    def learn(self, events: Iterable[PostEvent]) -> None:
        """Takes events that stand on the log."""
        self._seen.update(dict.fromkeys(map(_mark, events)))
        self.confirm()


def _mark(event: PostEvent) -> int:
    if isinstance(event, PostDeleted):
        return hash((event.post_id,))
    return hash((event.post_id, event.text, len(event.media)))


def newest_events(reader: TopicReader, topic: Topic) -> Iterable[PostEvent]:
    """The last `TAIL` posts and deletions of each partition. Raises StoreUnavailable."""
    for record in reader.read(topic, TAIL):
        try:
            yield record.decode(Post, PostDeleted, default=Post)
        except StormpetrelError:  # the worker sends it to the dead letters
            continue
