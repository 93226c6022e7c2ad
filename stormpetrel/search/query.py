"""A query: what every modality of posts looks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.cells import distance_km
from stormpetrel.core.events import TermWeights
from stormpetrel.core.ports import Filter
from stormpetrel.fusion import LEARNED_TENSOR

WIDE_KM = 100.0  # an area that reaches so far may hold a province; a smaller one holds towns alone


@dataclass(frozen=True)
class Area:
    """A place to search around: its centre in degrees (WGS 84), and a limit where it has one.

    With a limit it is a filter, and ranks only where a modality of place is named; without one it is evidence.

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
        narrow = unbounded.place_field == "towns" or self.extent_km < WIDE_KM
        return replace(
            unbounded,
            boxes=(*unbounded.boxes, *([self.box] if self.box else ())),
            polygon=self.polygon or unbounded.polygon,
            circles=(*unbounded.circles, *([self._circle(self.radius_km)] if self.radius_km is not None else ())),
            place_field="towns" if narrow else "location",
        )

    def within(self, unbounded: Filter, radius_km: float) -> Filter:
        """The filter, narrowed to the towns in a circle around the centre."""
        return replace(unbounded, circles=(*unbounded.circles, self._circle(radius_km)), place_field="towns")

    def _circle(self, radius_km: float) -> tuple[float, float, float]:
        return self.longitude, self.latitude, radius_km

    @property
    def extent_km(self) -> float:
        """From the centre to the furthest corner; infinite without an end."""
        if self.radius_km is not None:
            return self.radius_km
        west, south, east, north = self.box or (0.0, 0.0, 0.0, 0.0)
        corners = self.polygon or ([(west, south), (east, south), (east, north), (west, north)] if self.box else ())
        if not corners:
            return float("inf")
        return float(distance_km(self.longitude, self.latitude, *zip(*corners, strict=True)).max())


@dataclass(frozen=True)
class Query:
    """Each part that is present belongs to a modality of its own.

    `text` and `visual` are unit vectors of their models, float32; `terms` and `concepts` sparse ones. `exclude` is a
    post that is no hit. `depth` is the length of each list. `only` names the modalities to search (None: those
    that `active_modalities` says); `score_threshold` is the lowest score with which a hit stays in a modality's list,
    `min_relevance` the lowest relevance of a hit; `weights` how much a modality counts in the fusion (1 where none is
    given). `words` is how many different words its text has.
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
    fusion: str = LEARNED_TENSOR
    weights: Mapping[str, float] = field(default_factory=dict)
    only: frozenset[str] | None = None
    score_threshold: Mapping[str, float] = field(default_factory=dict)
    min_relevance: float | None = None
    words: int = 0

    @property
    def ranks_by_place(self) -> bool:
        """Whether the place is evidence: it has no end, or a modality of place is named."""
        named = self.only is not None and not self.only.isdisjoint(("space", "spatiotemporal"))
        return self.area is not None and (named or not self.area.bounded)

    @property
    def is_empty(self) -> bool:
        """Whether no modality has a part to look for."""
        parts = (self.text, self.terms, self.visual, self.concepts, self.at)
        return not self.ranks_by_place and all(part is None for part in parts)
