"""How far a consumer group is behind, as the broker tells it, and whether a member of it stands still.

The member's own client is not asked: a consumer that has silently stopped believes that it has read everything.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import Topic
from stormpetrel.log.connection import TIMEOUT_S, client_configuration
from stormpetrel.log.topic_reader import partition_bounds
from stormpetrel.process.metrics import note_lags
from stormpetrel.process.probes import Readiness

log = structlog.get_logger()
LOOK_EVERY_S = 2.0
STALLED_EXIT = 70  # any code but 2, which says that something is not set up
READ_WITHIN_S = 10.0
BESIDE_OTHERS = 6
MOST_MARKERS = 1000  # where more is left, there are records among it
Place = tuple[str, int]  # topic, partition


class Remaining(NamedTuple):
    """What a group has still to do on a partition: from the first record that it has not committed to the end."""

    next_offset: int
    end: int

    @property
    def lag(self) -> int:
        return max(0, self.end - self.next_offset)


class GroupOffsets:
    """Asks the broker where a group (named without the prefix) stands. Joins no group and fetches nothing."""

    def __init__(self, kafka: Kafka, group: str) -> None:
        self._kafka, self._group = kafka, group
        self._consumer = Consumer(client_configuration(kafka, group_id=f"{kafka.group_prefix}-{group}"))

    def remaining(self, topic: Topic) -> dict[Place, Remaining]:
        """By partition. Raises StoreUnavailable where the broker does not answer."""
        try:
            bounds = partition_bounds(self._consumer, topic.name)
            places = [TopicPartition(topic.name, start.partition) for start, _ in bounds]
            committed = {place.partition: place.offset for place in self._consumer.committed(places, TIMEOUT_S)}
        except (KafkaException, KeyError) as error:
            raise StoreUnavailable(f"the lag of {self._group} on {topic.name} is not known: {error}") from error
        return {
            # What was deleted by age before it was read is lost to the group, and no lag.
            (topic.name, start.partition): Remaining(max(start.offset, committed[start.partition]), end)
            for start, end in bounds
        }

    def lag(self, topic: Topic) -> int:
        """How many records of a topic are left to do. Raises StoreUnavailable."""
        remaining = self.remaining(topic)
        lag = _lag(remaining)
        return 0 if 0 < lag <= MOST_MARKERS and not self.holds_records(remaining) else lag

    def holds_records(self, remaining: Mapping[Place, Remaining]) -> bool:
        """Whether a record stands in what remains. The markers of transactions, and what was aborted, count as lag, but
        no consumer is ever given them, and so none commits them. Raises StoreUnavailable."""
        left = {place: span for place, span in remaining.items() if span.lag}
        group_id = f"{self._kafka.group_prefix}-{self._group}"
        reader = Consumer(client_configuration(self._kafka, group_id=group_id, enable_auto_commit=False))
        deadline = time.monotonic() + READ_WITHIN_S
        try:
            places = [TopicPartition(*place, span.next_offset) for place, span in left.items()]
            reader.assign(places)
            while any(at.offset < left[at.topic, at.partition].end for at in reader.position(places)):
                if time.monotonic() > deadline or reader.consume(1, timeout=0.5):
                    return True  # a record, or an error: what cannot be read is no marker
        except KafkaException as error:
            raise StoreUnavailable(f"what {self._group} has still to read is not known: {error}") from error
        finally:
            reader.close()
        return False

    def close(self) -> None:
        self._consumer.close()


class StallWatch:
    """Notices a topic with lag whose committed offsets have not moved for `patience_s`; while those of another topic
    move, for `BESIDE_OTHERS` times as long: its records may wait behind many of the other's, in one queue."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s, self._clock = patience_s, clock
        self._offsets: dict[str, Mapping[Place, int]] = {}
        self._moved_at: dict[str, float] = {}
        self._any_moved_at = -math.inf

    def look(self, topic: str, remaining: Mapping[Place, Remaining], held_back: bool) -> str | None:
        """What is wrong with the topic, or None. A topic that is `held_back` on purpose stands still rightly."""
        offsets, lag = {place: left.next_offset for place, left in remaining.items()}, _lag(remaining)
        now, before = self._clock(), self._offsets.get(topic)
        if before is not None and offsets != before:
            self._any_moved_at = now
        if held_back or not lag or offsets != before:
            self._offsets[topic], self._moved_at[topic] = offsets, now
        silence = now - self._moved_at[topic]
        others_move = now - self._any_moved_at <= self._patience_s
        patience_s = self._patience_s * (BESIDE_OTHERS if others_move else 1)
        return f"{topic}: {lag} records wait, and none was done for {silence:.0f} s" if silence > patience_s else None


class LagMonitor:
    """Shows the lag of this member's partitions, in a thread of its own, and says in `readiness` where it stands still.

    `assigned` are the member's partitions; a member without any looks at those of its whole group. While the process
    waits for something that it names, it does not stand still. `held_back` are topics that wait for others. After twice
    `stalled_after_s`, or so long after its main loop has gone silent, it calls `end`.
    """

    def __init__(
        self,
        offsets: GroupOffsets,
        topics: Sequence[Topic],
        assigned: Callable[[], Collection[Place]],
        readiness: Readiness,
        stalled_after_s: float,
        end: Callable[[], None] = lambda: os._exit(STALLED_EXIT),
    ) -> None:
        self._offsets, self._topics, self._assigned, self._readiness = offsets, topics, assigned, readiness
        self._watch, self._stalled_after_s, self._end = StallWatch(stalled_after_s), stalled_after_s, end
        self._stalled_since: float | None = None
        self._group_remaining: dict[str, Mapping[Place, Remaining]] = {}  # by topic, at the last look
        # What stood still once stands still at the next look too: it is read once.
        self._spans_hold_records = lru_cache(64)(lambda spans: offsets.holds_records(dict(spans)))
        self.group_lags: dict[str, int] = {}  # of the whole group, by topic
        self.held_back: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name="lag")
        self._stopped = threading.Event()

    def start(self) -> None:
        """Once; to call it again changes nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Once it has started: no further look, and no end of the process. Waits for a look that is under way."""
        self._stopped.set()
        self._thread.join()

    def look(self) -> None:
        """One look. Raises StoreUnavailable."""
        assigned, problems = set(self._assigned()), []
        for topic in self._topics:
            remaining = self._offsets.remaining(topic)
            self.group_lags[topic.name] = self._group_lag(topic.name, remaining)
            own_remaining = {place: left for place, left in remaining.items() if place in assigned}
            note_lags({place: left.lag for place, left in own_remaining.items()})
            held_back = topic.name in self.held_back or self._readiness.waiting_for is not None
            # A member that the group has left without any partition may hang while it joins again.
            watched = own_remaining if assigned else remaining
            problem = self._watch.look(topic.name, watched, held_back)
            problems.append(problem if problem and self._holds_records(watched) else None)
        self._readiness.stalled = next((problem for problem in problems if problem), None)

    def _group_lag(self, topic: str, remaining: Mapping[Place, Remaining]) -> int:
        """What stands still since the last look may be markers alone, which nobody works off: they are no lag."""
        stands_still = remaining == self._group_remaining.get(topic)
        self._group_remaining[topic] = remaining
        lag = _lag(remaining)
        return 0 if lag and stands_still and not self._holds_records(remaining) else lag

    def _holds_records(self, remaining: Mapping[Place, Remaining]) -> bool:
        return self._spans_hold_records(frozenset(remaining.items()))

    def end_if_stalled_for_long(self) -> None:
        """Ends the process, so that whoever started it starts it again: few supervisors ask `/healthz`. As after a
        kill, nothing is lost: what was not committed is read again."""
        now, silence = time.monotonic(), self._readiness.silent_for()
        reason = self._readiness.stalled if silence is None else f"its main loop is silent for {silence:.0f} s"
        self._stalled_since = (self._stalled_since or now) if reason else None
        if self._stalled_since is not None and now - self._stalled_since > self._stalled_after_s:
            log.error("this process stands still, and ends to be started again", reason=reason)
            self._end()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                try:
                    self.look()
                finally:  # a main loop is silent whether or not the broker answers
                    self.end_if_stalled_for_long()
            except StoreUnavailable as error:
                log.warning("the lag is not known", error=str(error))
            except Exception:
                log.exception("the lag is not known")
            self._stopped.wait(LOOK_EVERY_S)


def _lag(remaining: Mapping[Place, Remaining]) -> int:
    return sum(left.lag for left in remaining.values())
