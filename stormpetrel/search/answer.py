"""What a search answers: hits that explain their rank, and what each modality contributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from stormpetrel.core.clock import moment_of
from stormpetrel.core.events import MatchDecision, PostMatched
from stormpetrel.core.ports import Document
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.search.cross_source import Member
from stormpetrel.search.documents import shown
from stormpetrel.search.modalities import MEASURES
from stormpetrel.search.patch_lists import LISTED_REPORTS, PATCH_MEASURES, PatchLists, cell_of
from stormpetrel.search.place_names import NamedPlace, PlaceNames
from stormpetrel.search.query_encoder import QueryEncoder

EXCERPT = 120  # characters of a text


class ModalityRank(BaseModel):
    """A hit's rank and score in the list of one modality. The higher the score, the better."""

    rank: int
    score: float


class CellMember(BaseModel):
    """A post or a patch of a place-and-time cell, with its own rank in each modality."""

    kind: Literal["post", "patch"]
    id: str
    ranks: dict[str, int]
    title: str = Field(description="The first words of a post; when a patch was sensed, and its new water")
    picture: str | None = None


class Reporter(BaseModel):
    """A post that led to a patch: it writes of the patch's place, and of a day about when it was sensed."""

    post_id: str
    rank: int = Field(description="Among the posts that the query finds")
    title: str


class Hit(BaseModel):
    """One post (or patch, where patches are searched), with what explains its rank."""

    kind: Literal["post", "patch"] = "post"
    post_id: str | None = None
    patch_id: str | None = None
    rank: int
    ranks: dict[str, ModalityRank]
    relevance: float | None = Field(
        default=None, description="The probability that the post answers the query; of a cell, that of its best post"
    )
    best_pair: list[str] = Field(description="The pair of modalities whose ranks decided; empty for one list alone")
    decided_by: list[str] = Field(
        default=[], description="The list, or the pair of lists, that added most to the score of the learned tensor"
    )
    score: float | None = Field(description="The score that the fusion ranked it by, where the fusion has scores")
    duplicate_count: int = Field(default=0, description="How many other posts repeat this one")
    met: list[str] = Field(
        default=[], description="English words in which text and post meet, where one of them is in another language"
    )
    post: dict[str, Any] | None = None
    patch: dict[str, Any] | None = None
    cell: str | None = Field(
        default=None,
        description="Where patches are searched: the H3 cell and day that was ranked; this hit stands for it",
    )
    place: str | None = Field(default=None, description="Of a cell or a patch: the nearest town, with its country")
    members: list[CellMember] = Field(default=[], description="All posts and patches of the cell, the best first")
    picture: str | None = Field(default=None, description="Of a patch: the address of its picture")
    reports: list[Reporter] = Field(default=[], description="Of a patch: the posts that led to it, the best first")


class MatchedPost(BaseModel):
    """A new post that matches a saved search, as its listeners get it."""

    kind: Literal["post"] = "post"
    match_id: str = Field(description="The same whenever this post is matched with this search again")
    saved_search_id: str
    post_id: str
    relevance: float | None = Field(description="The probability that the post answers the search, where it is known")
    decided_by: MatchDecision = Field(description="`score` where no relevance is known for the models in use")
    reason: str = Field(description="What decided, in words")
    scores: dict[str, float] = Field(description="Of each modality, as a search gives them")
    recent_rank: int = Field(description="By relevance among the recent matches; decides nothing")
    recent_count: int = Field(description="How many recent matches there are, with this one")
    duplicate_count: int = Field(description="How many other posts repeat this one")
    matched_at: datetime
    post: dict[str, Any]

    @classmethod
    def of(cls, match: PostMatched, document: Document, duplicate_count: int) -> Self:
        fields = match.model_dump(exclude={"schema_version", "posted_at"})
        return cls(**fields, duplicate_count=duplicate_count, post=shown(document))


class Freshness(BaseModel):
    """The newest post that a modality can find: by its own time, and by when it came in."""

    event_time: datetime
    ingested_at: datetime


class ListSummary(BaseModel):
    """What one modality contributed."""

    measure: str
    hits: int
    model: str = Field(description="What made the scores, with its version")
    reading: str | None = Field(default=None, description="What it did with the text of the request, in words")


class SearchAnswer(BaseModel):
    """A page of hits."""

    hits: list[Hit]
    total: int = Field(description="Hits over all pages")
    next_cursor: str | None
    lists: dict[str, ListSummary]
    fusion: str
    fusion_note: str | None = Field(default=None, description="Why another fusion serves than the one asked for")
    relevance_note: str | None = Field(default=None, description="Why the hits have no relevance")
    doubt: str | None = Field(default=None, description="Said where no hit is likely to answer")
    readings: dict[str, str] = Field(
        default={}, description="What each modality did with the text of the request, those without hits too"
    )
    weights: dict[str, float]
    empty_modalities: list[str] = Field(description="Modalities that were searched and have no hits")
    uninformative: list[str] = Field(
        default=[], description="Modalities whose hits are all equal: they have no say in the fusion"
    )
    near: NamedPlace | None = Field(default=None, description="The place that the name was taken for")
    unavailable: dict[str, str] = Field(description="Modalities that cannot be searched, and why")
    as_of: dict[str, Freshness]


class PostPage(BaseModel):
    """A page of posts, the newest first."""

    posts: list[dict[str, Any]]
    total: int = Field(description="Posts over all pages")
    next_cursor: str | None
    near: NamedPlace | None = Field(default=None, description="The place that the name was taken for")


def listed_hit(rank: int, document: Document, duplicate_count: int) -> Hit:
    """A post of a list as a hit that no modality ranks."""
    fields = {"post_id": document["_id"], "post": shown(document), "duplicate_count": duplicate_count}
    return Hit(rank=rank, ranks={}, best_pair=[], score=None, **fields)


def post_hit(
    item: FusedItem,
    rank: int,
    lists: Sequence[RankList],
    document: Document,
    duplicate_count: int,
    relevance: float | None = None,
) -> Hit:
    """A post as a hit."""
    fields: dict[str, Any] = {"post_id": item.id, "post": shown(document), "duplicate_count": duplicate_count}
    fields["relevance"] = None if relevance is None else round(relevance, 4)
    return Hit(**_explanation(item, rank, lists), **fields)


def cell_hit(
    item: FusedItem,
    rank: int,
    lists: Sequence[RankList],
    members: Sequence[Member],
    names: PlaceNames,
    relevance: float | None = None,
) -> Hit:
    """A place-and-time cell as a hit: the first of its members stands for it."""
    best = members[0]
    fields: dict[str, Any] = {
        "kind": best.kind,
        f"{best.kind}_id": best.id,
        best.kind: shown(best.document),
        "cell": item.id,
    }
    fields["relevance"] = None if relevance is None else round(relevance, 4)
    listed = [
        CellMember(
            kind=member.kind,
            id=member.id,
            ranks=member.ranks,
            title=_patch_title(member.document) if member.kind == "patch" else _excerpt(member.document["clean_text"]),
            picture=_picture(member.document) if member.kind == "patch" else None,
        )
        for member in members
    ]
    h3_cell, _, day = item.id.partition("/")
    place = names.cell_name(h3_cell) if day and not h3_cell.count(":") else None
    picture = _picture(best.document) if best.kind == "patch" else None
    return Hit(**_explanation(item, rank, lists), **fields, members=listed, place=place, picture=picture)


def patch_hit(item: FusedItem, rank: int, lists: Sequence[RankList], patches: PatchLists, names: PlaceNames) -> Hit:
    """A patch as a hit, with the posts that led to it."""
    patch = patches.documents[item.id]
    reports = [
        Reporter(post_id=report.post_id, rank=report.rank, title=_excerpt(report.text))
        for report in patches.reports.get(item.id, [])[:LISTED_REPORTS]
    ]
    place = names.cell_name(cell_of(patch["longitude"], patch["latitude"]))
    fields = {"kind": "patch", "patch_id": item.id, "patch": shown(patch), "place": place, "picture": _picture(patch)}
    return Hit(**_explanation(item, rank, lists), **fields, reports=reports)


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXCERPT else f"{words[: EXCERPT - 1]}…"


def _patch_title(patch: Document) -> str:
    sensed = f"sensed {datetime.fromisoformat(patch['sensed_at']):%Y-%m-%d %H:%M} UTC"
    if not (water := patch.get("new_water")):
        return sensed
    return f"{sensed}, {water['share']:.0%} new water, {water['confidence']:.0%} sure"


def _picture(patch: Document) -> str:
    """The address of a patch's picture: its change where there is a reference image, else what was sensed."""
    kind = "change" if patch.get("new_water") else "s2" if patch.get("s2_product") else "s1"
    return f"/v1/patches/pictures/{kind}.png?{urlencode({'patch_id': patch['_id']})}"


def _explanation(item: FusedItem, rank: int, lists: Sequence[RankList]) -> dict[str, Any]:
    """The fields that explain a rank. Lists that are not shown (that of feedback) give no rank."""
    ranks = {
        ranked.modality: ModalityRank(rank=ranked.ranks[item.id], score=round(ranked.score_of[item.id], 6))
        for ranked in lists
        if ranked.modality in item.ranks
    }
    score = None if item.score is None else round(item.score, 6)
    decided = {"best_pair": list(item.best_pair or ()), "decided_by": list(item.decided_by)}
    return {"rank": rank, "ranks": ranks, "score": score, **decided}


def summaries(encoder: QueryEncoder, lists: Sequence[RankList], readings: Mapping[str, str]) -> dict[str, ListSummary]:
    """A summary of each list, by modality."""
    measures = {**MEASURES, **PATCH_MEASURES}
    return {
        name: ListSummary(
            measure=measures[name], hits=len(ranked), model=encoder.version(name), reading=readings.get(name)
        )
        for ranked in lists
        for name in [ranked.modality]
    }


def freshness_of(documents: Mapping[str, Document]) -> dict[str, Freshness]:
    """The freshness documents, by modality, as an answer shows them."""
    moments = ("event_time", "ingested_at")
    return {
        modality: Freshness(**{name: moment_of(document[name]) for name in moments})
        for modality, document in documents.items()
    }
