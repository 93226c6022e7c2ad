"""Records that were read and not taken yet, by partition: to take exactly those up to given offsets."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.log.input_reader import InputReader, Place
from stormpetrel.log.record import Record


class InputBuffer:
    """Between an InputReader and what takes its records. `topics` is the order in which they are taken."""

    def __init__(self, inputs: InputReader, topics: Sequence[str]) -> None:
        self._inputs = inputs
        self._order = {topic: number for number, topic in enumerate(topics)}
        self._waiting: dict[Place, deque[Record]] = {}
        self.next_offsets: dict[Place, int] = {}
        self.ends: dict[Place, int] = {}

    def start(self, offsets: Mapping[Place, int]) -> None:
        """Reads from these offsets on; what waits is dropped. Raises StoreUnavailable."""
        self._waiting, self.next_offsets = {}, dict(offsets)
        # Asked for: before its first fetch the reader takes a partition for empty.
        self.ends = {place: end for place, (_, end) in self._inputs.bounds().items()}
        self._inputs.start(offsets)

    def fill(self, limit: int, timeout_s: float) -> None:
        """Reads at most `limit` records more. Raises StoreUnavailable."""
        taken = self._inputs.take(limit, timeout_s)
        for record in taken.records:
            self._waiting.setdefault((record.topic, record.partition), deque()).append(record)
        self.next_offsets = dict(taken.next_offsets)
        self.ends = {place: max(end, self.ends.get(place, 0)) for place, end in taken.ends.items()}

    def fill_up_to(self, ends: Mapping[Place, int], limit: int, within_s: float) -> None:
        """Reads until everything before these offsets is here. Raises StoreUnavailable where nothing comes for
        `within_s`."""
        deadline = time.monotonic() + within_s
        while missing := [place for place, end in ends.items() if self.next_offsets.get(place, 0) < end]:
            before = self.next_offsets
            self.fill(limit, 0.5)
            if self.next_offsets != before:
                deadline = time.monotonic() + within_s
            elif time.monotonic() > deadline:
                raise StoreUnavailable(f"what the detector took of {missing[0]} before cannot be read again")

    def cut(self, ends: Mapping[Place, int]) -> list[Record]:
        """What waits before these offsets, by topic, partition and offset: the same whenever it is read again."""
        records: list[Record] = []
        for place in sorted(self._waiting, key=lambda place: (self._order[place[0]], place[1])):
            waiting = self._waiting[place]
            while waiting and waiting[0].offset < ends.get(place, 0):
                records.append(waiting.popleft())
        return records
