"""The topic of the detector's steps: one writer's at a time, whoever thinks that it is its turn.

A step names the offset before its own. Where it comes to stand elsewhere, somebody else has written in between, and it
counts for nothing. So of two processes that both believe it is their turn, one gives way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from stormpetrel.core.errors import StormpetrelError, Superseded
from stormpetrel.core.events import DetectionStep
from stormpetrel.core.topics import INCIDENT_STEPS
from stormpetrel.log import Record, TopicReader, record_of_event
from stormpetrel.log.input_reader import Place
from stormpetrel.log.producer import RecordProducer

log = structlog.get_logger()
KEY = "detector"
Step = tuple[int, DetectionStep]  # with its offset


class StepJournal:
    """Reads and writes steps. All methods raise StoreUnavailable."""

    def __init__(self, reader: TopicReader, producer: RecordProducer) -> None:
        self._reader, self._producer = reader, producer
        self._last = -1  # the offset of the last record that is known

    def append(self, ends: Mapping[Place, int], watermark: datetime | None, decided_at: datetime) -> Step:
        """Writes the next step. Raises Superseded where another process has written since."""
        return self._append(
            DetectionStep(follows=self._last, ends=named(ends), watermark=watermark, decided_at=decided_at)
        )

    def begin_anew(self, starts: Mapping[Place, int], decided_at: datetime) -> Step:
        """Writes that the state was made anew, for records from these offsets on. Raises Superseded as above."""
        self._last = self._end() - 1
        return self._append(
            DetectionStep(follows=self._last, ends=named(starts), decided_at=decided_at, begins_anew=True)
        )

    def after(self, offset: int) -> list[Step] | None:
        """The steps that count after an offset; None where some are gone, or the state was made anew among them."""
        end = self._end()
        if end <= offset:
            return None  # the topic was made anew
        records = [each for each in self._reader.read(INCIDENT_STEPS, tail=end - offset - 1) if each.offset > offset]
        if end > offset + 1 and (not records or records[0].offset != offset + 1):
            return None
        steps = [(record.offset, step) for record in records if (step := _step_of(record)) is not None]
        self._last = max([offset, *(record.offset for record in records)])
        return None if any(step.begins_anew for _, step in steps) else steps

    def taken_so_far(self) -> dict[Place, int]:
        """Up to where the last step took records; empty where there is none."""
        steps = [step for record in self._reader.read(INCIDENT_STEPS, tail=1) if (step := _step_of(record))]
        return placed(steps[-1].ends) if steps else {}

    def _append(self, step: DetectionStep) -> Step:
        (position,) = self._producer.deliver([record_of_event(INCIDENT_STEPS, KEY, step)])
        if position.offset != step.follows + 1:
            raise Superseded(f"another detector wrote before step {position.offset}; its steps are read")
        self._last = position.offset
        return position.offset, step

    def _end(self) -> int:
        return self._reader.end_offsets(INCIDENT_STEPS).get(0, 0)


def _step_of(record: Record) -> DetectionStep | None:
    """None where the step was written by a process that did not know of the one before."""
    try:
        step: DetectionStep = record.decode(DetectionStep)
    except StormpetrelError as error:
        log.warning("a step cannot be read", provenance=record.provenance, reason=str(error))
        return None
    return step if step.follows == record.offset - 1 else None


def named(offsets: Mapping[Place, int]) -> dict[str, int]:
    """As a step has them."""
    return {f"{topic}/{partition}": offset for (topic, partition), offset in sorted(offsets.items())}


def placed(ends: Mapping[str, int]) -> dict[Place, int]:
    """A step's offsets by topic and partition."""
    pairs = ((name.rpartition("/"), offset) for name, offset in ends.items())
    return {(topic, int(partition)): offset for (topic, _, partition), offset in pairs}
