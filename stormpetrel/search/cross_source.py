"""Across worlds: posts and satellite patches in one answer, joined where and when they happened.

A post and a patch are never the same item, so what the tensor joins is the place-and-time cell: an H3 cell of
resolution 5 (some 10 km) and a day, UTC. In each modality's list the best-ranked member stands for its cell; after
the fusion a cell is expanded to all its members. What has no place is an element of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import h3
import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import is_area
from stormpetrel.core.ports import Document, DocumentReader, Filter, IndexQuery, NearestQuery, OrderQuery, VectorReader
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.search.query import Query
from stormpetrel.search.search import PostSearch

CELL_RESOLUTION = 5
OVERHEAD_KM = 10.0
FINEST = "120"  # px: the grid that is asked where no other is named
FEW_PIXELS = 0.02  # of a patch; less new water gives it no words
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
    """Unit vectors of the descriptors to look for, the grid to look in, and a patch that never is a hit."""

    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    scale_level: str = FINEST
    exclude: str | None = None


@dataclass(frozen=True)
class Member:
    """A post or a patch of a cell, with its own ranks in the modalities' lists."""

    kind: str
    id: str
    ranks: dict[str, int]
    document: Document


@dataclass(frozen=True)
class CrossSourceResult:
    """Fused cells, the lists of cells they come from, each cell's members (the best first), and who found nothing."""

    items: list[FusedItem]
    lists: list[RankList]
    members: dict[str, list[Member]]
    empty_modalities: tuple[str, ...]


class CrossSourceSearch:
    """Searches posts and patches at once."""

    def __init__(self, posts: PostSearch, index: VectorReader, patches: str, documents: DocumentReader) -> None:
        self._posts, self._index, self._patches, self._documents = posts, index, patches, documents

    def run(self, asked: Query, patch: PatchQuery, sources: Sequence[str]) -> CrossSourceResult:
        """Raises StoreUnavailable, or BadQuery where there is no such fusion."""
        of_posts = self._posts.lists(asked) if "posts" in sources else []
        of_patches = self._patch_lists(asked, patch) if "patches" in sources else []
        empty_modalities = tuple(ranked.modality for ranked in [*of_posts, *of_patches] if not len(ranked))
        documents = self._documents_of("posts", of_posts), self._documents_of("patches", of_patches)
        cell_of = {post_id: post_cell(found) for post_id, found in documents[0].items()}
        cell_of |= {patch_id: patch_cell(found) for patch_id, found in documents[1].items()}
        cells = [by_cell(ranked, cell_of) for ranked in [*of_posts, *of_patches] if len(ranked)]
        members: dict[str, list[Member]] = {}
        for kind, held, lists in (("post", documents[0], of_posts), ("patch", documents[1], of_patches)):
            for item, document in held.items():
                ranks = {ranked.modality: ranked.ranks[item] for ranked in lists if item in ranked.ranks}
                members.setdefault(cell_of[item], []).append(Member(kind, item, ranks, document))
        for found in members.values():
            found.sort(key=lambda member: (min(member.ranks.values()), -len(member.ranks), member.id))
        return CrossSourceResult(self._posts.fuse(asked, cells), cells, members, empty_modalities)

    def _documents_of(self, collection: str, lists: Sequence[RankList]) -> dict[str, Document]:
        return self._documents.get(collection, sorted({item for ranked in lists for item in ranked.items}))

    def _patch_lists(self, asked: Query, patch: PatchQuery) -> list[RankList]:
        """One list for each descriptor that is asked, and the newest patches over the place."""
        within = patch_filter(asked.filter, patch.scale_level)
        active_modalities = [name for name in (*DESCRIPTORS, OVERHEAD) if asked.only is None or name in asked.only]
        names = [
            name for name in active_modalities if name in patch.vectors or (name == OVERHEAD and asked.area is not None)
        ]
        queries: list[IndexQuery] = []
        for name in names:
            if name == OVERHEAD and asked.area is not None:
                area = asked.area
                over = Filter(
                    within.any_of,
                    within.none_of,
                    within.ranges,
                    within.boxes,
                    circle=(area.longitude, area.latitude, area.radius_km or OVERHEAD_KM),
                )
                queries.append(OrderQuery("event_time", "desc", None, over, asked.depth, ("id", "event_time")))
            else:
                queries.append(NearestQuery(name, dense=patch.vectors[name], filter=within, limit=asked.depth + 1))
        found = []
        for name, hits in zip(names, self._index.query(self._patches, queries), strict=True):
            scored = [
                (hit.payload["id"], hit.payload["event_time"] / 1000 if name == OVERHEAD else hit.score) for hit in hits
            ]
            floor = asked.score_threshold.get(name, -np.inf)
            kept = [(item, score) for item, score in scored if item != patch.exclude and score >= floor]
            found.append(RankList.of(name, kept).head(asked.depth))
        return found


def patch_filter(asked: Filter, scale_level: str) -> Filter:
    """What of a question's filter holds for patches: time and place; languages and sources are posts' own."""
    ranges = {key: limits for key, limits in asked.ranges.items() if key in ("event_time", "indexed_at")}
    return Filter(any_of={"scale_level": [scale_level]}, ranges=ranges, boxes=asked.boxes)


def by_cell(ranked: RankList, cell_of: Mapping[str, str]) -> RankList:
    """The list with cells in place of their members: a cell stands where its best member stands."""
    pairs = zip(ranked.items, ranked.scores, strict=True)
    return RankList.of(ranked.modality, ((cell_of[item], score) for item, score in pairs if item in cell_of))


def cell_at(longitude: float, latitude: float, moment: datetime) -> str:
    """The name of a place-and-time cell.

    >>> cell_at(8.93, 44.41, datetime(2025, 11, 4, 20, tzinfo=UTC))
    '851f9b0bfffffff/2025-11-04'
    """
    return f"{h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION)}/{moment.astimezone(UTC):%Y-%m-%d}"


def post_cell(document: Document) -> str:
    """The cell of the place that a post most surely names; its own id where it names none."""
    places = [p for p in document.get("places") or [] if not is_area(p["kind"], p.get("radius_km"))]
    if not places:
        return str(document["_id"])
    place = max(places, key=lambda place: place["confidence"])
    return cell_at(place["longitude"], place["latitude"], datetime.fromisoformat(document["created_at"]))


def patch_cell(document: Document) -> str:
    return cell_at(document["longitude"], document["latitude"], datetime.fromisoformat(document["sensed_at"]))


def shows_new_water(document: Document) -> bool:
    """Whether a patch has words: what people write of a flood."""
    return bool(document.get("new_water")) and document["new_water"]["share"] >= FEW_PIXELS
