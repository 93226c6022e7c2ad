"""Cross-source search: posts and satellite patches in one answer.

A post and a patch are never the same item, so that the tensor fuses place-and-time cells: an H3 cell of resolution 5
(some 10 km) and a day, UTC. In each modality's list the best-ranked member stands for its cell; after the fusion a cell
is expanded to all its members. A post without a place is a cell of its own. Where patches alone are asked for, the
posts lead to them, and the patches themselves are fused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import is_area
from stormpetrel.core.ports import Document, DocumentReader, VectorReader
from stormpetrel.fusion import RankList
from stormpetrel.fusion.rank_list import Nearness
from stormpetrel.search.documents import post_documents
from stormpetrel.search.modalities import MODALITIES
from stormpetrel.search.patch_lists import (
    FINEST,
    MOST_REPORTS,
    PatchLists,
    PatchQuery,
    PatchSearch,
    Report,
    cell_of,
    certain_water,
)
from stormpetrel.search.query import Query
from stormpetrel.search.search import PostSearch, SearchResult

__all__ = ["FINEST", "CrossSourceResult", "CrossSourceSearch", "Member", "PatchQuery"]

MOMENTS = {"post": "created_at", "patch": "sensed_at"}
LEAST_NEW_WATER = 0.02  # of a patch; below it, a patch is not compared with what people write
# What people write where a patch shows new water, in the languages that the words are indexed in.
WATER_WORDS = (
    "flood flooding flooded water alluvione allagamento esondazione inundación inundado enchente cheia "
    "inondation crue tulva hochwasser überschwemmung"
)
WATER_LANGUAGES = ("en", "it", "es", "pt", "fr", "fi", "de")
PATCHES_UNKNOWN = "relevance is unknown: it was learned for posts, and patches have none"
WATER_SENTENCE = "flood water over fields, streets and houses"


@dataclass(frozen=True)
class Member:
    """A post or a patch of a cell, with its own ranks in the modalities' lists."""

    kind: Literal["post", "patch"]
    id: str
    ranks: dict[str, int]
    document: Document


@dataclass(frozen=True)
class CrossSourceResult(SearchResult):
    """A result whose items and lists are of cells, with each cell's members, the best first; or of patches, each with
    its document and the posts that led to it."""

    members: Mapping[str, list[Member]] = field(default_factory=dict)
    patches: PatchLists = field(default_factory=lambda: PatchLists([], {}, {}))


class CrossSourceSearch:
    """Searches posts and patches at once."""

    def __init__(self, posts: PostSearch, index: VectorReader, patches: str, documents: DocumentReader) -> None:
        self._posts, self._documents = posts, documents
        self.patches = PatchSearch(index, patches, documents)

    def run(self, query: Query, patch: PatchQuery, sources: Sequence[str]) -> CrossSourceResult:
        """Raises StoreUnavailable, or BadQuery where there is no such fusion."""
        post_lists = self._posts.lists(query) if "posts" in sources else []
        reports = self._reports(query, post_lists) if "patches" in sources else None
        patches = self.patches.run(query, patch, reports) if "patches" in sources else PatchLists([], {}, {})
        if "posts" not in sources:
            if query.min_relevance is not None:
                raise BadQuery("min_relevance", PATCHES_UNKNOWN, "Leave it out, or search posts too")
            fused = replace(self._posts.fused(query, patches.lists), relevance_note=PATCHES_UNKNOWN)
            return CrossSourceResult(**vars(fused), patches=patches)
        return self._cells(query, post_lists, patches)

    def _reports(self, query: Query, post_lists: Sequence[RankList]) -> list[Report] | None:
        """The best posts of what the query says, each with the cell of its place; None for a query that says nothing.
        A query that names modalities of patches alone still finds its posts by all of theirs."""
        if query.text is None and query.terms is None and query.visual is None:
            return None
        names = None if query.only is None or query.only.isdisjoint(MODALITIES) else query.only
        posts_query = replace(query, only=names)
        lists = post_lists or self._posts.lists(posts_query)
        fused = self._posts.ranked(posts_query, lists).items[:MOST_REPORTS]
        posts = self._documents.get("posts", [item.id for item in fused])
        return [
            Report(item.id, rank, post["clean_text"], cell_of(*point), datetime.fromisoformat(post["created_at"]))
            for rank, item in enumerate(fused, start=1)
            if (post := posts.get(item.id)) and (point := most_certain_point(post))
        ]

    def _cells(self, query: Query, post_lists: Sequence[RankList], patches: PatchLists) -> CrossSourceResult:
        feedback = self._posts.feedback(query, [ranked for ranked in post_lists if len(ranked)])
        listed = [*post_lists, feedback] if feedback else post_lists
        posts = post_documents(self._documents, sorted({item for ranked in listed for item in ranked.items}))
        cells = {post_id: post_cell(post) for post_id, post in posts.items()}
        cells |= {patch_id: patch_cell(document) for patch_id, document in patches.documents.items()}
        lists = [*post_lists, *patches.lists]
        members: defaultdict[str, list[Member]] = defaultdict(list)
        for item, document in {**posts, **patches.documents}.items():
            if ranks := {ranked.modality: ranked.ranks[item] for ranked in lists if item in ranked.ranks}:
                members[cells[item]].append(Member("post" if item in posts else "patch", item, ranks, document))
        for cell_members in members.values():
            cell_members.sort(key=_order)
        nearness = {cell: _nearness(cell_members) for cell, cell_members in members.items()}
        by_cells = [by_cell(ranked, cells, nearness) for ranked in lists]
        by_post = self._posts.relevance(query, listed)
        relevance: defaultdict[str, float] = defaultdict(float)  # of a cell: that of its best post
        for post_id, probability in by_post.items():
            if post_id in cells:
                relevance[cells[post_id]] = max(probability, relevance[cells[post_id]])
        feedback_by_cell = by_cell(feedback, cells, nearness) if feedback else None
        fused = self._posts.fused(query, by_cells, feedback_by_cell, relevance)
        return CrossSourceResult(**vars(fused), members=members, patches=patches)


def _order(member: Member) -> tuple[float, ...]:
    """The best rank first; of equal ones that with more ranks, with more new water, and the newest."""
    return min(member.ranks.values()), -len(member.ranks), *_nearness([member])


def _nearness(members: Sequence[Member]) -> Nearness:
    """What orders equal cells: more new water, then the newest member."""
    moments = [datetime.fromisoformat(member.document[MOMENTS[member.kind]]).timestamp() for member in members]
    return -max(certain_water(member.document) for member in members), -max(moments)


def by_cell(ranked: RankList, cells: Mapping[str, str], nearness: Mapping[str, Nearness] | None = None) -> RankList:
    """The list with cells in place of their members: a cell has the score of its best member."""
    pairs = [(cells[item], score) for item, score in zip(ranked.items, ranked.scores, strict=True) if item in cells]
    return RankList.of(ranked.modality, pairs, nearness, ranked.resolution)


def cell_at(longitude: float, latitude: float, moment: datetime) -> str:
    """The name of a place-and-time cell.

    >>> cell_at(8.93, 44.41, datetime(2025, 11, 4, 20, tzinfo=UTC))
    '851f9b0bfffffff/2025-11-04'
    """
    return f"{cell_of(longitude, latitude)}/{moment.astimezone(UTC):%Y-%m-%d}"


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
