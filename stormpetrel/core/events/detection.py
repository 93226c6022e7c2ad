"""The steps of the detector: which records it takes together, and how far event time has come."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stormpetrel.core.events.bounds import Count, Integer, Key, Moment
from stormpetrel.core.events.values import Event


class DetectionStep(Event):
    """One step of the detector (topic `incident.steps`).

    It takes the records of each partition, named `topic/partition`, up to the offsets `ends`, and then lets event time
    pass up to `watermark`. `follows` is the offset before its own, or -1: a step that stands anywhere else was written
    by a process that did not know what another had written, and counts for nothing. With `begins_anew` the state before
    it was rebuilt from the incidents' newest revisions, and `ends` is where the records begin. `decided_at` is the
    clock's time.
    """

    follows: Annotated[Integer, Field(ge=-1)]
    ends: dict[Key, Count]
    watermark: Moment | None = None
    decided_at: Moment
    begins_anew: bool = False
