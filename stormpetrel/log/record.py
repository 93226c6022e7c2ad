"""A record of the log as this project reads and writes it: topic, position, key, value and typed headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any, NamedTuple

import structlog

from stormpetrel.core.errors import MalformedRecord, RecordTooLarge, StormpetrelError
from stormpetrel.core.events import Event, decode, encode, headers_of
from stormpetrel.core.topics import Topic

log = structlog.get_logger()
# Not `message.headers()`: where a header name is no UTF-8, the client returns a broken list with an error set. A call
# through C raises that error; the fast calls of the interpreter do not look at it, and reading the list kills
# the process.
_headers_of = methodcaller("headers")
GATE = "gate"  # header of a post that a live source's gate let through; it says by what
UNREADABLE = "unreadable"  # header of a record that stands for one that cannot be unpacked; it says why
LARGEST_RECORD = 900_000  # bytes; a broker takes 1 MiB with all that it adds, unless it was set up otherwise


class Position(NamedTuple):
    """Where a record stands on its topic."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Record:
    """What was read from a topic. `value` is empty where the broker holds none (a tombstone)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)
    timestamp_ms: int = 0

    @classmethod
    def of_message(cls, message: Any) -> Record:
        """From a message of the Kafka client."""
        try:
            headers = {name: value or b"" for name, value in _headers_of(message) or ()}
        except Exception as error:  # a header's name is no UTF-8
            headers = {"unreadable_headers": f"{type(error).__name__}: {error.__cause__ or error}".encode()}
        place = message.topic(), message.partition(), message.offset()
        return cls(*place, message.key(), message.value() or b"", headers, message.timestamp()[1])

    @property
    def position(self) -> Position:
        return Position(self.partition, self.offset)

    @property
    def provenance(self) -> str:
        """Where the record came from, as dead letters and logs name it: topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def header(self, name: str) -> str | None:
        """A header as text; bytes that are no UTF-8 are replaced, so that no record can stop its reader."""
        value = self.headers.get(name)
        return None if value is None else value.decode(errors="replace")

    def decode(self, *accepted: type[Event], default: type[Event] | None = None) -> Any:
        """The event in the record, by its `schema` header; `default` is the event where there is no such header.

        A null header is as good as none. Raises MalformedRecord or UnknownSchema, and nothing else whatever the bytes
        are: no record may stop its reader.
        """
        if fault := self.header(UNREADABLE):
            raise MalformedRecord(fault)
        schema = self.header("schema") or (default.name() if default else None)
        try:
            return decode(self.value, *accepted, schema=schema)
        except StormpetrelError:
            raise
        except Exception as error:
            log.exception("a record cannot be decoded", provenance=self.provenance)
            raise MalformedRecord(f"{schema} cannot be read: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class OutgoingRecord:
    """What is to be written to a topic."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name.encode()) + len(value or b"") for name, value in self.headers.items())
        return len(self.key or b"") + len(self.value) + headers

    def checked(self) -> OutgoingRecord:
        """The record itself. Raises RecordTooLarge where no broker would take it."""
        if self.size > LARGEST_RECORD:
            key = (self.key or b"")[:100].decode(errors="replace")
            raise RecordTooLarge(
                f"{key!r} has {self.size:,} bytes as a record of {self.topic}; at most {LARGEST_RECORD:,} are taken"
            )
        return self


def record_of_event(
    topic: Topic, key: str, event: Event, trace: str | None = None, gate: str | None = None
) -> OutgoingRecord:
    """An event as it is written to a topic; `trace` is a new one where none is given. `gate` names the gate that let it
    through, if one did."""
    headers = dict(headers_of(event, trace))
    if gate is not None:
        headers[GATE] = gate.encode()
    return OutgoingRecord(topic.name, key.encode(), encode(event), headers)
