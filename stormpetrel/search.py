"""A search, from what is asked to fused hits: one ranked list a modality, in one round trip, then fusion.

Knows the ports alone. Copies never stand in a list of their own: they are counted under their original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.events import TermWeights
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.fusion.methods import method
from stormpetrel.places.cells import distance_km, rings
from stormpetrel.ports import Filter, NearestQuery, OrderQuery, Query, Scored, VectorIndex

MODALITIES = ("text", "lexical", "space", "time")
# What the score of each modality is; higher is better in all of them.
MEASURES = {
    "text": "cosine similarity",
    "lexical": "BM25",
    "space": "minus kilometres",
    "time": "minus seconds",
}


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
class Search:
    """What is looked for. Each part that is given is a modality of its own; `exclude` never is a hit."""

    vector: NDArray[np.float32] | None = None
    terms: TermWeights | None = None
    area: Area | None = None
    at: datetime | None = None
    filter: Filter = field(default_factory=Filter)
    exclude: str | None = None
    depth: int = 200
    fusion: str = "tensor_min"
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The fused hits, the lists they come from, and the modalities that had nothing to say."""

    items: list[FusedItem]
    lists: list[RankList]
    silent: tuple[str, ...]


class PostSearch:
    """Searches one collection of posts."""

    def __init__(self, index: VectorIndex, collection: str) -> None:
        self._index, self._collection = index, collection

    def run(self, search: Search) -> Found:
        """Raises StoreUnavailable where the index does not answer, BadQuery where there is no such fusion."""
        asked = _queries(search)
        # All modalities go out as one batch: one round trip, and one state of the index for all of them.
        answers = iter(self._index.query(self._collection, [query for _, queries in asked for query in queries]))
        lists = []
        for modality, queries in asked:
            hits = [hit for _ in queries for hit in next(answers)]
            scored = [(item, score) for item, score in _scored(modality, hits, search) if item != search.exclude]
            whole = RankList.of(modality, scored)
            lists.append(replace(whole, items=whole.items[: search.depth], scores=whole.scores[: search.depth]))
        silent = tuple(ranked.modality for ranked in lists if not len(ranked))
        heard = [ranked for ranked in lists if search.weights.get(ranked.modality, 1.0) > 0]
        return Found(method(search.fusion)(heard, search.weights), [ranked for ranked in lists if len(ranked)], silent)


def _queries(search: Search) -> list[tuple[str, list[Query]]]:
    """The index queries that each asked-for modality needs."""
    originals = replace(search.filter, none_of={**search.filter.none_of, "kind": ["copy"]})
    # One more than the depth: the post that asks is its own best hit, and is taken out.
    limit = search.depth + 1
    asked: list[tuple[str, list[Query]]] = []
    if search.vector is not None:
        asked.append(("text", [NearestQuery("text", dense=search.vector, filter=search.filter, limit=limit)]))
    if search.terms is not None:
        terms = (search.terms.indices, search.terms.values)
        asked.append(("lexical", [NearestQuery("lexical", sparse=terms, filter=search.filter, limit=limit)]))
    if search.area is not None:
        asked.append(("space", list(_space_queries(search.area, originals, limit))))
    if search.at is not None:
        start = int(search.at.timestamp() * 1000)
        both: list[Query] = [
            OrderQuery("event_time", "asc", start, originals, limit, ("id", "event_time")),
            OrderQuery("event_time", "desc", start, originals, limit, ("id", "event_time")),
        ]
        asked.append(("time", both))
    return asked


def _space_queries(area: Area, originals: Filter, limit: int) -> Iterable[Query]:
    """Rings outwards, so that the nearest posts are in the list however many there are further out."""
    inside = area.within(originals)
    payload = ("id", "location")
    for resolution, cells in rings(area.longitude, area.latitude):
        ring = replace(inside, any_of={**inside.any_of, f"cells_{resolution}": cells})
        yield OrderQuery("event_time", "desc", None, ring, limit, payload)
    if area.bounded:
        yield OrderQuery("event_time", "desc", None, inside, limit, payload)


def _scored(modality: str, hits: Sequence[Scored], search: Search) -> list[tuple[str, float]]:
    if modality == "space" and search.area is not None:
        return _by_distance(hits, search.area)
    if modality == "time" and search.at is not None:
        asked = search.at.timestamp()
        return [(hit.payload["id"], -abs(hit.payload["event_time"] / 1000 - asked)) for hit in hits]
    return [(hit.payload["id"], hit.score) for hit in hits]


def _by_distance(hits: Sequence[Scored], area: Area) -> list[tuple[str, float]]:
    """(id, minus kilometres to the nearest place of the post); beyond the radius a post is not in the list."""
    ids: list[str] = []
    places: list[dict[str, Any]] = []
    for hit in hits:
        for place in hit.payload.get("location") or []:
            ids.append(hit.payload["id"])
            places.append(place)
    if not ids:
        return []
    distances = distance_km(
        area.longitude, area.latitude, [place["lon"] for place in places], [place["lat"] for place in places]
    )
    reach = area.radius_km if area.radius_km is not None else float("inf")
    return [(item, -float(km)) for item, km in zip(ids, distances, strict=True) if km <= reach]
