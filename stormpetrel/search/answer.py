"""What a search answers: hits that explain their rank, and what each modality contributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from stormpetrel.core.clock import moment_of
from stormpetrel.core.ports import Document
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.search.cross_source import PATCH_MEASURES, Member
from stormpetrel.search.documents import shown
from stormpetrel.search.modalities import MEASURES
from stormpetrel.search.query_encoder import QueryEncoder


class ModalityRank(BaseModel):
    """A hit's rank and score in the list of one modality. The higher the score, the better."""

    rank: int
    score: float


class CellMember(BaseModel):
    """A post or a patch of a place-and-time cell, with its own rank in each modality."""

    kind: Literal["post", "patch"]
    id: str
    ranks: dict[str, int]


class Hit(BaseModel):
    """One post (or patch, where patches are searched), with what explains its rank."""

    kind: Literal["post", "patch"] = "post"
    post_id: str | None = None
    patch_id: str | None = None
    rank: int
    ranks: dict[str, ModalityRank]
    best_pair: list[str] = Field(description="The pair of modalities whose ranks decided; empty for one list alone")
    score: float | None = Field(description="The score that the fusion ranked it by, where the fusion has scores")
    duplicate_count: int = Field(default=0, description="How many other posts repeat this one")
    post: dict[str, Any] | None = None
    patch: dict[str, Any] | None = None
    cell: str | None = Field(
        default=None,
        description="Where patches are searched: the H3 cell and day that was ranked; this hit stands for it",
    )
    members: list[CellMember] = Field(default=[], description="All posts and patches of the cell, the best first")


class Freshness(BaseModel):
    """The newest post that a modality can find: by its own time, and by when it came in."""

    event_time: datetime
    ingested_at: datetime


class ListSummary(BaseModel):
    """What one modality contributed."""

    measure: str
    hits: int
    model: str = Field(description="What made the scores, with its version")


class SearchAnswer(BaseModel):
    """A page of hits."""

    hits: list[Hit]
    total: int = Field(description="Hits over all pages")
    next_cursor: str | None
    lists: dict[str, ListSummary]
    fusion: str
    weights: dict[str, float]
    empty_modalities: list[str] = Field(description="Modalities that were searched and have no hits")
    unavailable: dict[str, str] = Field(description="Modalities that cannot be searched, and why")
    as_of: dict[str, Freshness]


def post_hit(item: FusedItem, rank: int, lists: Sequence[RankList], document: Document, duplicate_count: int) -> Hit:
    """A post as a hit."""
    fields = {"post_id": item.id, "post": shown(document), "duplicate_count": duplicate_count}
    return Hit(**_explanation(item, rank, lists), **fields)


def cell_hit(item: FusedItem, rank: int, lists: Sequence[RankList], members: Sequence[Member]) -> Hit:
    """A place-and-time cell as a hit: the first of its members stands for it."""
    best = members[0]
    fields = {"kind": best.kind, f"{best.kind}_id": best.id, best.kind: shown(best.document), "cell": item.id}
    listed = [CellMember(kind=member.kind, id=member.id, ranks=member.ranks) for member in members]
    return Hit(**_explanation(item, rank, lists), **fields, members=listed)


def _explanation(item: FusedItem, rank: int, lists: Sequence[RankList]) -> dict[str, Any]:
    """The fields that explain a rank. Lists that are not shown (the feedback of adaptive fusion) give no rank."""
    list_of = {ranked.modality: ranked for ranked in lists}
    ranks = {
        modality: ModalityRank(rank=place, score=round(list_of[modality].scores[place - 1], 6))
        for modality, place in item.ranks.items()
        if modality in list_of
    }
    score = None if item.score is None else round(item.score, 6)
    return {"rank": rank, "ranks": ranks, "best_pair": list(item.best_pair or ()), "score": score}


def summaries(encoder: QueryEncoder, lists: Sequence[RankList]) -> dict[str, ListSummary]:
    """A summary of each list, by modality."""
    measures = {**MEASURES, **PATCH_MEASURES}
    return {
        name: ListSummary(measure=measures[name], hits=len(ranked), model=encoder.version(name))
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
