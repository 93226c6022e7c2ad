"""What is looked for: the parts of a question, each of which is a modality's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Filter


@dataclass(frozen=True)
class Area:
    """A place to search around: its centre, and where it ends, if it does. Degrees, WGS 84."""

    longitude: float
    latitude: float
    radius_km: float | None = None
    box: tuple[float, float, float, float] | None = None
    polygon: tuple[tuple[float, float], ...] | None = None

    @property
    def bounded(self) -> bool:
        return any(limit is not None for limit in (self.radius_km, self.box, self.polygon))

    def within(self, given: Filter) -> Filter:
        """The filter, narrowed to this area; boxes that it has already still hold."""
        circle = (self.longitude, self.latitude, self.radius_km) if self.radius_km is not None else None
        boxes = (*given.boxes, self.box) if self.box else given.boxes
        return replace(given, boxes=boxes, polygon=self.polygon, circle=circle)


@dataclass(frozen=True)
class Query:
    """Each part that is given is a modality of its own; `exclude` never is a hit.

    `text` and `visual` are unit vectors of their models; `terms` and `concepts` sparse ones. `only` names the
    modalities that may speak (None: all but the joined `spatiotemporal`); `floors` is the lowest score with which
    a hit stays in a modality's list; `weights` how much a modality counts in the fusion (1 where none is given).
    """

    text: NDArray[np.float32] | None = None
    terms: TermWeights | None = None
    visual: NDArray[np.float32] | None = None
    concepts: TermWeights | None = None
    area: Area | None = None
    at: datetime | None = None
    filter: Filter = field(default_factory=Filter)
    exclude: str | None = None
    depth: int = 200
    fusion: str = "tensor_min"
    weights: Mapping[str, float] = field(default_factory=dict)
    only: frozenset[str] | None = None
    score_threshold: Mapping[str, float] = field(default_factory=dict)
