"""Server-sent events of a stream of bytes, by the WHATWG's rules: half lines wait, comments are heartbeats."""

from __future__ import annotations

from typing import NamedTuple

LARGEST_EVENT = 2_000_000  # bytes; a stream without line ends must not fill the memory


class ServerSentEvent(NamedTuple):
    """An event's name and its data."""

    name: str
    data: str


class EventParser:
    """Takes bytes as they come and gives whole events; what is half remains until the rest comes.

    >>> parser = EventParser()
    >>> parser.feed(b":thump\\nevent: delete\\nda")
    []
    >>> parser.feed(b"ta: 17\\n\\n")
    [ServerSentEvent(name='delete', data='17')]
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name, self._data = "", list[str]()

    def feed(self, part: bytes) -> list[ServerSentEvent]:
        """The events that are whole now. Raises ValueError where one is larger than any network's."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        if len(self._rest) + sum(map(len, self._data)) > LARGEST_EVENT:
            raise ValueError(f"an event is larger than {LARGEST_EVENT:,} bytes")
        events: list[ServerSentEvent] = []
        for line in lines:
            field, _, value = line.rstrip(b"\r").decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            elif not field and not value and not line.startswith(b":"):
                if self._data:
                    events.append(ServerSentEvent(self._name or "message", "\n".join(self._data)))
                self._name, self._data = "", []
        return events
