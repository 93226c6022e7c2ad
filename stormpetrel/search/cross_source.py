"""Cross-source search: posts and satellite patches in one answer, fused where and when they happened.

A post and a patch are never the same item, so that the tensor fuses place-and-time cells: an H3 cell of resolution 5
(some 10 km) and a day, UTC. In each modality's list the best-ranked member stands for its cell; after the fusion a cell
is expanded to all its members. A post without a place is a cell of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import h3
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import is_area
from stormpetrel.core.ports import (
    Document,
    DocumentReader,
    Filter,
    IndexQuery,
    NearestQuery,
    OrderQuery,
    Scored,
    VectorReader,
)
from stormpetrel.fusion import RankList
from stormpetrel.search.query import Area, Query
from stormpetrel.search.search import PostSearch, SearchResult

CELL_RESOLUTION = 5
OVERHEAD_KM = 10.0
FINEST = "120"  # px: the scale level that is searched where no other is named
LEAST_NEW_WATER = 0.02  # of a patch; below it, a patch is not compared with what people write
DESCRIPTORS = ("sar", "ms", "fused", "earth")
OVERHEAD = "overhead"
PATCH_MEASURES = dict.fromkeys(DESCRIPTORS, "cosine similarity") | {OVERHEAD: "seconds since 1970, the newest first"}
# What people write where a patch shows new water, in the languages that the words are indexed in.
WATER_WORDS = (
    "flood flooding flooded water alluvione allagamento esondazione inundación inundado enchente cheia "
    "inondation crue tulva hochwasser überschwemmung"
)
WATER_LANGUAGES = ("en", "it", "es", "pt", "fr", "fi", "de")
WATER_SENTENCE = "flood water over fields, streets and houses"


@dataclass(frozen=True)
class PatchQuery:
    """Unit vectors of descriptors, float32, by the descriptor's name; the scale level to search in px; and a patch that
    is no hit."""

    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    scale_level: str = FINEST
    exclude: str | None = None


@dataclass(frozen=True)
class Member:
    """A post or a patch of a cell, with its own ranks in the modalities' lists."""

    kind: Literal["post", "patch"]
    id: str
    ranks: dict[str, int]
    document: Document


@dataclass(frozen=True)
class CrossSourceResult(SearchResult):
    """A result whose items and lists are of cells, with each cell's members, the best first."""

    members: Mapping[str, list[Member]] = field(default_factory=dict)


class CrossSourceSearch:
    """Searches posts and patches at once."""

    def __init__(self, posts: PostSearch, index: VectorReader, patches: str, documents: DocumentReader) -> None:
        self._posts, self._index, self._patches, self._documents = posts, index, patches, documents

    def run(self, query: Query, patch: PatchQuery, sources: Sequence[str]) -> CrossSourceResult:
        """Raises StoreUnavailable, or BadQuery where there is no such fusion."""
        post_lists = self._posts.lists(query) if "posts" in sources else []
        patch_lists = self._patch_lists(query, patch) if "patches" in sources else []
        lists = [*post_lists, *patch_lists]
        posts, patches = self._documents_of("posts", post_lists), self._documents_of("patches", patch_lists)
        cell_of = {post_id: post_cell(post) for post_id, post in posts.items()}
        cell_of |= {patch_id: patch_cell(patch) for patch_id, patch in patches.items()}
        cells = [by_cell(ranked, cell_of) for ranked in lists if len(ranked)]
        members: defaultdict[str, list[Member]] = defaultdict(list)
        for item, document in {**posts, **patches}.items():
            ranks = {ranked.modality: ranked.ranks[item] for ranked in lists if item in ranked.ranks}
            members[cell_of[item]].append(Member("post" if item in posts else "patch", item, ranks, document))
        for cell_members in members.values():
            cell_members.sort(key=lambda member: (min(member.ranks.values()), -len(member.ranks), member.id))
        empty_modalities = tuple(ranked.modality for ranked in lists if not len(ranked))
        return CrossSourceResult(self._posts.fuse(query, cells), cells, empty_modalities, members=members)

    def _documents_of(self, collection: str, lists: Sequence[RankList]) -> dict[str, Document]:
        return self._documents.get(collection, sorted({item for ranked in lists for item in ranked.items}))

    def _patch_lists(self, query: Query, patch: PatchQuery) -> list[RankList]:
        """One list for each descriptor of the query, and the newest patches over its place."""
        within = patch_filter(query.filter, patch.scale_level)
        index_queries: dict[str, IndexQuery] = {
            name: NearestQuery(name, dense=patch.vectors[name], filter=within, limit=query.depth + 1)
            for name in DESCRIPTORS
            if name in patch.vectors and (query.only is None or name in query.only)
        }
        if query.area is not None and (query.only is None or OVERHEAD in query.only):
            index_queries[OVERHEAD] = _overhead_query(query.area, within, query.depth)
        responses = self._index.query(self._patches, list(index_queries.values()))
        return [
            _patch_list(name, hits, query, patch.exclude) for name, hits in zip(index_queries, responses, strict=True)
        ]


def _overhead_query(area: Area, within: Filter, depth: int) -> OrderQuery:
    circle = (area.longitude, area.latitude, area.radius_km or OVERHEAD_KM)
    over = replace(within, circle=circle)
    return OrderQuery("event_time", "desc", None, over, depth, ("id", "event_time"))


def _patch_list(name: str, hits: Sequence[Scored], query: Query, exclude: str | None) -> RankList:
    threshold = query.score_threshold.get(name, -np.inf)
    scores = [(hit.payload["id"], hit.payload["event_time"] / 1000 if name == OVERHEAD else hit.score) for hit in hits]
    kept = [(item, score) for item, score in scores if item != exclude and score >= threshold]
    return RankList.of(name, kept).head(query.depth)


def patch_filter(within: Filter, scale_level: str) -> Filter:
    """The part of a query's filter that applies to patches: time and place; languages and sources are posts' own."""
    ranges = {key: limits for key, limits in within.ranges.items() if key in ("event_time", "indexed_at")}
    return Filter(any_of={"scale_level": [scale_level]}, ranges=ranges, boxes=within.boxes)


def by_cell(ranked: RankList, cell_of: Mapping[str, str]) -> RankList:
    """The list with cells in place of their members: a cell has the rank of its best member."""
    pairs = zip(ranked.items, ranked.scores, strict=True)
    return RankList.of(ranked.modality, ((cell_of[item], score) for item, score in pairs if item in cell_of))


def cell_at(longitude: float, latitude: float, moment: datetime) -> str:
    """The name of a place-and-time cell.

    >>> cell_at(8.93, 44.41, datetime(2025, 11, 4, 20, tzinfo=UTC))
    '851f9b0bfffffff/2025-11-04'
    """
    return f"{h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION)}/{moment.astimezone(UTC):%Y-%m-%d}"


def most_certain_point(post: Document) -> tuple[float, float] | None:
    """(longitude, latitude) of the place of highest confidence, areas left out; None where the post has no other."""
    places = [place for place in post.get("places") or [] if not is_area(place["kind"], place.get("radius_km"))]
    best = max(places, key=lambda place: place["confidence"], default=None)
    return (best["longitude"], best["latitude"]) if best else None


def post_cell(post: Document) -> str:
    """The cell of a post's most certain place; the post's id where it has none."""
    point = most_certain_point(post)
    return cell_at(*point, datetime.fromisoformat(post["created_at"])) if point else str(post["_id"])


def patch_cell(patch: Document) -> str:
    return cell_at(patch["longitude"], patch["latitude"], datetime.fromisoformat(patch["sensed_at"]))


def shows_new_water(patch: Document) -> bool:
    """Whether a patch shows enough new water to be compared with what people write of a flood."""
    return bool(patch.get("new_water")) and patch["new_water"]["share"] >= LEAST_NEW_WATER
