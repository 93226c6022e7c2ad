"""The ranked lists of patches: by descriptors, by when they were sensed over a place, and by what posts report.

A text has no pixels. It finds posts; their places and days lead to the patches there, which are ranked by the rank of
the posts that report there, by new water with its confidence, and by what the label's model says of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import h3
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, DocumentReader, Filter, IndexQuery, NearestQuery, OrderQuery, VectorReader
from stormpetrel.fusion import RankList
from stormpetrel.fusion.rank_list import Nearness
from stormpetrel.search.query import Area, Query

CELL_RESOLUTION = 5  # an H3 cell of some 10 km
OVERHEAD_KM = 10.0
FINEST = "120"  # px: the scale level that is searched where no other is named
DESCRIPTORS = ("sar", "ms", "fused", "earth")
OVERHEAD, REPORTED, NEW_WATER, LABELLED = "overhead", "reported", "new_water", "labelled"
WATER_MODEL = model_id("patches", "flood-water")  # the label whose predictions rank patches
# A satellite passes every few days, and water stays: what it saw from a day before a report to five days after.
SENSED_BEFORE, SENSED_AFTER = timedelta(days=1), timedelta(days=5)
MOST_REPORTS = 50  # posts whose places and days are looked at
LISTED_REPORTS = 5  # posts that a patch names
PATCH_MEASURES = dict.fromkeys(DESCRIPTORS, "cosine similarity") | {
    OVERHEAD: "seconds since 1970, the newest first",
    REPORTED: "minus the rank of the best post that reports there",
    NEW_WATER: "share of new water times its confidence",
    LABELLED: f"decision value of {WATER_MODEL}",
}


@dataclass(frozen=True)
class PatchQuery:
    """Unit vectors of descriptors, float32, by the descriptor's name; the scale level to search in px; a patch that is
    no hit; labels of models, of which a patch must bear one, or may bear none; and what else a patch must meet."""

    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    scale_level: str = FINEST
    exclude: str | None = None
    labels: Sequence[str] = ()
    without_labels: Sequence[str] = ()
    within: Filter | None = None


@dataclass(frozen=True)
class Report:
    """A post that reports from a cell, with its rank among the posts."""

    post_id: str
    rank: int
    text: str
    cell: str
    created_at: datetime

    def is_seen_by(self, cell: str, sensed_at: datetime) -> bool:
        return cell == self.cell and self.created_at - SENSED_BEFORE <= sensed_at <= self.created_at + SENSED_AFTER


@dataclass(frozen=True)
class PatchLists:
    """The lists, the documents of all patches in them, and the reports that led to a patch, the best first."""

    lists: list[RankList]
    documents: Mapping[str, Document]
    reports: Mapping[str, list[Report]]


class PatchSearch:
    """Searches one collection of patches."""

    def __init__(self, index: VectorReader, patches: str, documents: DocumentReader) -> None:
        self._index, self._patches, self._documents = index, patches, documents

    def run(self, query: Query, patch: PatchQuery, reports: Sequence[Report] | None) -> PatchLists:
        """`reports` are None where the query says nothing that a post could. Raises StoreUnavailable."""
        index_queries = self._index_queries(query, patch, reports)
        answers = self._index.query(self._patches, list(index_queries.values()))
        scores_of = {
            name: {hit.payload["id"]: hit.score for hit in hits if hit.payload["id"] != patch.exclude}
            for name, hits in zip(index_queries, answers, strict=True)
        }
        documents = self._documents.get("patches", sorted({item for scores in scores_of.values() for item in scores}))
        reports_of = {item: _seen(document, reports or ()) for item, document in documents.items()}
        there = [
            item for item in scores_of.pop(NEW_WATER, ()) if item in documents and (not reports or reports_of[item])
        ]
        water = {item: certain_water(document) for item, document in documents.items()}
        sensed = {item: _sensed_at(document).timestamp() for item, document in documents.items()}
        if reports is not None:
            scores_of[REPORTED] = {item: -float(reports_of[item][0].rank) for item in there if reports_of[item]}
        scores_of[NEW_WATER] = {item: water[item] for item in there if water[item]}
        scores_of[LABELLED] = self._labelled(there)
        if OVERHEAD in scores_of:
            scores_of[OVERHEAD] = {item: sensed[item] for item in scores_of[OVERHEAD] if item in documents}
        nearness = {item: (-water[item], -sensed[item]) for item in documents}
        lists = [
            _list(name, scores, nearness, query)
            for name, scores in scores_of.items()
            if _searched(name, query) and (scores or name != LABELLED)
        ]
        return PatchLists(lists, documents, reports_of)

    def newest(self) -> dict[str, int]:
        """When the newest patch was sensed, and when one was last written, in milliseconds since 1970; empty where
        there is none."""
        orders = {"event_time": "event_time", "ingested_at": "indexed_at"}
        queries = [OrderQuery(key, "desc", limit=1, payload=("id", key)) for key in orders.values()]
        answers = self._index.query(self._patches, queries)
        return {
            name: int(hits[0].payload[key]) for (name, key), hits in zip(orders.items(), answers, strict=True) if hits
        }

    def _index_queries(
        self, query: Query, patch: PatchQuery, reports: Sequence[Report] | None
    ) -> dict[str, IndexQuery]:
        within = patch_filter(query.filter, patch)
        queries: dict[str, IndexQuery] = {
            name: NearestQuery(name, dense=patch.vectors[name], filter=within, limit=query.depth + 1)
            for name in DESCRIPTORS
            if name in patch.vectors and _searched(name, query)
        }
        over = _over(query.area, within) if query.area else within
        over_a_place = bool(over.boxes or over.polygon or over.circles)
        filters_alone = reports is None and not queries and bool(over.ranges or over.every or patch.labels)
        if _searched(OVERHEAD, query) and (over_a_place or filters_alone):
            queries[OVERHEAD] = OrderQuery("event_time", "desc", None, over, query.depth)
        if any(_searched(name, query) for name in (REPORTED, NEW_WATER, LABELLED)):
            if reports:
                queries[NEW_WATER] = OrderQuery(
                    "new_water", "desc", None, _where_reported(within, reports), query.depth
                )
            elif reports is None and OVERHEAD in queries:
                queries[NEW_WATER] = OrderQuery("new_water", "desc", None, over, query.depth)
        return queries

    def _labelled(self, patch_ids: Sequence[str]) -> dict[str, float]:
        """The stored predictions of these patches."""
        ids = {f"{WATER_MODEL}:{patch_id}": patch_id for patch_id in patch_ids}
        predictions = self._documents.get("predictions", list(ids)) if ids else {}
        return {ids[prediction_id]: float(prediction["score"]) for prediction_id, prediction in predictions.items()}


def _searched(name: str, query: Query) -> bool:
    return query.only is None or name in query.only


def _list(name: str, scores: Mapping[str, float], nearness: Mapping[str, Nearness], query: Query) -> RankList:
    threshold = query.score_threshold.get(name, -np.inf)
    kept = [(item, score) for item, score in scores.items() if score >= threshold]
    return RankList.of(name, kept, nearness).head(query.depth)


def _over(area: Area, within: Filter) -> Filter:
    """The patches over a place: within its limit, which the filter has already, or within 10 km."""
    if area.bounded:
        return within
    return replace(within, circles=(*within.circles, (area.longitude, area.latitude, OVERHEAD_KM)))


def _where_reported(within: Filter, reports: Sequence[Report]) -> Filter:
    """The cells that posts report from, over all of their days; which patch fits which report shows later."""
    first = milliseconds(min(report.created_at for report in reports) - SENSED_BEFORE)
    last = milliseconds(max(report.created_at for report in reports) + SENSED_AFTER)
    since, until = within.ranges.get("event_time", (None, None))
    window = (max(first, since or first), min(last, until or last))
    cells = sorted({report.cell for report in reports})
    any_of = {**within.any_of, f"cells_{CELL_RESOLUTION}": cells}
    return replace(within, any_of=any_of, ranges={**within.ranges, "event_time": window})


def _seen(document: Document, reports: Sequence[Report]) -> list[Report]:
    cell = cell_of(document["longitude"], document["latitude"])
    return [report for report in reports if report.is_seen_by(cell, _sensed_at(document))]


def _sensed_at(document: Document) -> datetime:
    return datetime.fromisoformat(document["sensed_at"])


def cell_of(longitude: float, latitude: float) -> str:
    """The H3 cell of a point."""
    return str(h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION))


def certain_water(patch: Document) -> float:
    """A patch's share of new water times the confidence in it; 0 where it has no reference image."""
    water = patch.get("new_water") or {"share": 0.0, "confidence": 0.0}
    return float(water["share"] * water["confidence"])


def patch_filter(within: Filter, patch: PatchQuery) -> Filter:
    """The part of a query's filter that applies to patches: time and place, and patches' labels; languages and sources
    are posts' own."""
    ranges = {key: limits for key, limits in within.ranges.items() if key in ("event_time", "indexed_at")}
    any_of: dict[str, Sequence[str]] = {"scale_level": [patch.scale_level]}
    any_of |= {"labels": patch.labels} if patch.labels else {}
    none_of = {"labels": patch.without_labels} if patch.without_labels else {}
    every = [patch.within] if patch.within else ()
    return replace(within, any_of=any_of, none_of=none_of, ranges=ranges, every=every, place_field="location")
