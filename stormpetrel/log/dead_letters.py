"""Dead letters: records that could not be worked on, kept as raw bytes with the reason in their headers.

There is one way to write them and one way to read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stormpetrel.core.topics import Topic, dead_letter_name
from stormpetrel.log.record import OutgoingRecord, Record
from stormpetrel.log.topic_reader import TopicReader
from stormpetrel.process.metrics import DEAD_LETTERS

LONGEST_REASON = 4000  # bytes
HEADERS = ("reason", "stage", "provenance")


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter as it lies on its topic. `provenance` is topic/partition/offset, or file:line."""

    record: Record
    reason: str
    stage: str
    provenance: str

    def revived(self, topic: Topic) -> OutgoingRecord:
        """The record as it was before, to be sent to its topic once more."""
        headers = {name: value for name, value in self.record.headers.items() if name not in HEADERS}
        return OutgoingRecord(topic.name, self.record.key, self.record.value, headers)


def dead_letter_of(record: Record, reason: str, stage: str, provenance: str | None = None) -> OutgoingRecord:
    """The dead letter of a record: its key, bytes and headers, and three headers more."""
    explanation = (reason.encode()[:LONGEST_REASON], stage.encode(), (provenance or record.provenance).encode())
    headers = {**record.headers, **dict(zip(HEADERS, explanation, strict=True))}
    DEAD_LETTERS.labels(record.topic, stage).inc()
    return OutgoingRecord(dead_letter_name(record.topic), record.key, record.value, headers)


def read_dead_letters(reader: TopicReader, topic: Topic, tail: int | None = None) -> Iterator[DeadLetter]:
    """The dead letters of a topic (of each partition the last `tail`, if given), by partition and offset.

    Raises StoreUnavailable."""
    for record in reader.read(topic.dead(), tail):
        reason, stage, provenance = (record.header(name) or "" for name in HEADERS)
        yield DeadLetter(record, reason, stage, provenance)
