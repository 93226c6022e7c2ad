"""Dead letters: records that could not be worked on, kept as raw bytes with the reason in their headers.

There is one way to write them and one way to read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.topics import Topic, dead_letter_name
from stormpetrel.log.record import OutgoingRecord, Record
from stormpetrel.log.topic_reader import TopicReader
from stormpetrel.process.metrics import DEAD_LETTERS

LONGEST_REASON = 4000  # bytes
LONGEST_VALUE = 500_000  # bytes of a record that a dead letter keeps; with all else it stays under LARGEST_RECORD
LONGEST_KEY, LONGEST_HEADER, MOST_HEADERS = 2000, 1000, 20
HEADERS = ("reason", "stage", "provenance")
CUT = ("original_size", "original_sha256")  # of a value that was too long to keep


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter as it lies on its topic. `provenance` is topic/partition/offset, or file:line."""

    record: Record
    reason: str
    stage: str
    provenance: str

    @property
    def is_cut(self) -> bool:
        """Whether the value was too long, and only its beginning is kept here."""
        return CUT[0] in self.record.headers

    def revived(self, topic: Topic) -> OutgoingRecord:
        """The record as it was before, to be sent to its topic once more. Raises MalformedRecord where it was cut."""
        if self.is_cut:
            kept = f"{len(self.record.value):,} of {self.record.header(CUT[0])} bytes are kept"
            raise MalformedRecord(f"{self.provenance}: the first {kept}; send a smaller one from where it came from")
        headers = {name: value for name, value in self.record.headers.items() if name not in HEADERS}
        return OutgoingRecord(topic.name, self.record.key, self.record.value, headers)


def dead_letter_of(record: Record, reason: str, stage: str, provenance: str | None = None) -> OutgoingRecord:
    """The dead letter of a record: its key, bytes and headers, and three headers more.

    It always fits on its topic. Of a value over LONGEST_VALUE the beginning is kept, with the size and the SHA-256 of
    all of it; the record itself stands at its provenance while its topic keeps it.
    """
    explanation = (reason.encode()[:LONGEST_REASON], stage.encode(), (provenance or record.provenance).encode())
    headers = dict(zip(HEADERS, explanation, strict=True))
    if len(record.value) > LONGEST_VALUE:
        headers |= zip(CUT, (str(len(record.value)).encode(), sha256(record.value).hexdigest().encode()), strict=True)
    kept = {
        name[:LONGEST_HEADER]: value[:LONGEST_HEADER] for name, value in islice(record.headers.items(), MOST_HEADERS)
    }
    key = record.key if record.key is None else record.key[:LONGEST_KEY]
    DEAD_LETTERS.labels(record.topic, stage).inc()
    return OutgoingRecord(dead_letter_name(record.topic), key, record.value[:LONGEST_VALUE], {**kept, **headers})


def read_dead_letters(reader: TopicReader, topic: Topic, tail: int | None = None) -> Iterator[DeadLetter]:
    """The dead letters of a topic (of each partition the last `tail`, if given), by partition and offset.

    Raises StoreUnavailable."""
    for record in reader.read(topic.dead(), tail):
        reason, stage, provenance = (record.header(name) or "" for name in HEADERS)
        yield DeadLetter(record, reason, stage, provenance)
