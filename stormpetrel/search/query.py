"""A query: what every modality of posts looks for."""

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
    """A place to search around: its centre in degrees (WGS 84), and a limit where it has one.

    `box` is west, south, east, north; `polygon` a closed ring of (longitude, latitude).
    """

    longitude: float
    latitude: float
    radius_km: float | None = None
    box: tuple[float, float, float, float] | None = None
    polygon: tuple[tuple[float, float], ...] | None = None

    @property
    def bounded(self) -> bool:
        return any(limit is not None for limit in (self.radius_km, self.box, self.polygon))

    def narrowed(self, unbounded: Filter) -> Filter:
        """The filter, narrowed to this area; its own boxes still apply."""
        circle = (self.longitude, self.latitude, self.radius_km) if self.radius_km is not None else None
        boxes = (*unbounded.boxes, self.box) if self.box else unbounded.boxes
        return replace(unbounded, boxes=boxes, polygon=self.polygon, circle=circle)


@dataclass(frozen=True)
class Query:
    """Each part that is present belongs to a modality of its own.

    `text` and `visual` are unit vectors of their models, float32; `terms` and `concepts` sparse ones. `exclude` is a
    post that is no hit. `depth` is the length of each list. `only` names the modalities to search (None: all but
    `spatiotemporal`); `score_threshold` is the lowest score with which a hit stays in a modality's list; `weights` how
    much a modality counts in the fusion (1 where none is given).
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

    @property
    def is_empty(self) -> bool:
        """Whether no modality has a part to look for."""
        return all(part is None for part in (self.text, self.terms, self.visual, self.concepts, self.area, self.at))
