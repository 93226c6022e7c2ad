"""What the detector works with, and how it stands after a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.incidents import Confidence, DetectionRules, Detector
from stormpetrel.incidents.watermark import Watermark
from stormpetrel.log.input_reader import Place


class StepClock:
    """The clock's time of the step that is done."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Opened:
    """What the detector works with and no snapshot holds."""

    confidence: Confidence
    english: Callable[[str], str]
    rules: DetectionRules = field(default_factory=DetectionRules)
    clock: StepClock = field(default_factory=StepClock)

    def parts(self) -> dict[str, Any]:
        return {"confidence": self.confidence, "english": self.english, "clock": self.clock}

    def detector(self) -> Detector:
        return Detector(self.confidence, self.rules, self.english, self.clock)


@dataclass
class State:
    """The detector after a step: `offsets` is what it has taken, `step` where that step stands on its topic."""

    detector: Detector
    watermark: Watermark
    offsets: dict[Place, int]
    step: int
    confidence: str
    rules: DetectionRules
