"""How far each source has been read, on the log: the topic `source.positions`, and gaps on `source.gaps`."""

from __future__ import annotations

import structlog

from consumers.sources.live_source import Gap, Position
from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, UnknownSchema
from stormpetrel.core.events import SourceGap, SourcePosition
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import SOURCE_GAPS, SOURCE_POSITIONS
from stormpetrel.log.topic_reader import TopicReader
from stormpetrel.process.metrics import SOURCE_GAPS as GAPS_COUNTED

log = structlog.get_logger()


class Positions:
    """The positions of sources. What `store` and `note_gap` write is safe after the producer's next flush."""

    def __init__(self, producer: EventProducer, reader: TopicReader) -> None:
        self._producer, self._reader = producer, reader

    def newest(self, source: str) -> str | None:
        """The stored position of a source; None where it has none. Raises StoreUnavailable."""
        stored = self.all().get(source)
        return stored.position if stored else None

    def all(self) -> dict[str, SourcePosition]:
        """The stored position of every source. Raises StoreUnavailable."""
        stored: dict[str, SourcePosition] = {}
        for record in self._reader.read(SOURCE_POSITIONS):
            try:
                event = record.decode(SourcePosition)
            except (MalformedRecord, UnknownSchema) as error:
                log.warning("a stored position cannot be read", provenance=record.provenance, reason=str(error))
                continue
            stored[event.source] = event
        return stored

    def store(self, source: str, position: Position) -> None:
        """Writes a position. The broker must hold everything before it."""
        event = SourcePosition(source=source, position=position.value, reached_at=position.reached_at, stored_at=now())
        self._producer.publish(SOURCE_POSITIONS, source, event)

    def note_gap(self, source: str, gap: Gap) -> None:
        """Says that posts are missing: to the log of the process, to the metrics, and on the topic."""
        log.error("the network forgot what was not read yet", source=source, since=gap.since, until=gap.until)
        GAPS_COUNTED.labels(source).inc()
        event = SourceGap(source=source, since=gap.since, until=gap.until, reason=gap.reason, noticed_at=now())
        self._producer.publish(SOURCE_GAPS, source, event)
