"""The detector's world in the hand of a test: a log and a clock, processes that die, and what they told."""

from __future__ import annotations

from pathlib import Path

from stormpetrel.core.events import EnrichedPost, Event, Incident, Signal
from stormpetrel.core.topics import INCIDENT_STEPS, INCIDENTS, POSTS_ENRICHED, SIGNALS, Topic
from stormpetrel.detection import DETECTOR_INPUTS, Detection, Opened
from stormpetrel.log import OutgoingRecord, Position, record_of_event
from stormpetrel.log.input_reader import MemoryInputReader
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.stores.snapshot_file import SnapshotFile
from tests.unit.incident_streams import T0, Sure

CONFIDENCE = Sure()
OPENED = Opened(CONFIDENCE, str)


class Killed(Exception):
    """The process is gone."""


class DyingProducer(MemoryProducer):
    """Dies before it has written so many records more."""

    def __init__(self, log: MemoryLog, writes: int | None = None) -> None:
        super().__init__(log)
        self.writes_left = writes

    def deliver(self, records: list[OutgoingRecord], timeout_s: float = 60.0) -> list[Position]:  # type: ignore[override]
        positions = []
        for record in records:
            if self.writes_left == 0:
                raise Killed
            if self.writes_left is not None:
                self.writes_left -= 1
            positions += super().deliver([record], timeout_s)
        return positions


class World:
    """A log, the clock, and the folder of snapshots: what outlives a process."""

    def __init__(self, folder: Path) -> None:
        self.log, self.file, self.moment = MemoryLog(), SnapshotFile(folder / "state"), T0
        self.log.records(INCIDENT_STEPS.name)

    def write(self, topic: Topic, key: str, event: Event) -> None:
        self.log.append(record_of_event(topic, key, event))

    def post(self, each: EnrichedPost) -> None:
        self.moment = max(self.moment, each.post.created_at)
        self.write(POSTS_ENRICHED, each.post.post_id, each)

    def signal(self, number: int, point: tuple[float, float], withdrawn: bool) -> None:
        """An agency's word, now, of the ground around a point."""
        x, y = point
        ring = (point, (x + 0.1, y), (x, y + 0.1), point)
        fields = {"signal_id": f"gdacs:{number}", "feed": "gdacs", "kind": "storm", "title": "Storm"}
        moments = {"published_at": self.moment, "ingested_at": self.moment}
        event = Signal.model_validate({**fields, **moments, "polygons": (ring,), "withdrawn": withdrawn})
        self.write(SIGNALS, event.signal_id, event)

    def process(self, writes: int | None = None, waiting_upstream: int = 0, opened: Opened = OPENED) -> Detection:
        detection = Detection(
            StepsOnOnePartition(self.log),
            MemoryInputReader(self.log, DETECTOR_INPUTS),
            DyingProducer(self.log, writes),
            opened,
            self.file,
            lambda: range(waiting_upstream),
            lambda: self.moment,
        )
        detection.begin()
        return detection

    def told(self) -> list[Incident]:
        """Every revision on the log, in the order of an incident's own."""
        found = [record.decode(Incident) for record in self.log.records(INCIDENTS.name)]
        return sorted(found, key=lambda each: (each.incident_id, each.revision))


class StepsOnOnePartition(MemoryTopicReader):
    """All steps have one key; the partition that holds them is told as the first."""

    def end_offsets(self, topic: Topic) -> dict[int, int]:
        ends = super().end_offsets(topic)
        return {0: max(ends.values())} if topic is INCIDENT_STEPS else dict(ends)
