"""What comes back to a client."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class ModalityRank(BaseModel):
    """Where a hit stands in the list of one modality. The higher the score, the better."""

    rank: int
    score: float


class CellMember(BaseModel):
    """A post or a patch of a place-and-time cell, with its own rank in each modality."""

    kind: Literal["post", "patch"]
    id: str
    ranks: dict[str, int]


class Hit(BaseModel):
    """One post (or patch, where patches are searched), and why it stands where it stands."""

    kind: Literal["post", "patch"] = "post"
    post_id: str | None = None
    patch_id: str | None = None
    rank: int
    ranks: dict[str, ModalityRank]
    best_pair: list[str] = Field(description="The pair of modalities whose ranks decided; empty for one list alone")
    score: float | None = Field(description="What the fusion ranked it by, where it is one that scores")
    duplicate_count: int = Field(default=0, description="How many other posts repeat this one")
    post: dict[str, Any] | None = None
    patch: dict[str, Any] | None = None
    cell: str | None = Field(
        default=None,
        description="Where patches are searched: the H3 cell and day that was ranked; this hit stands for it",
    )
    members: list[CellMember] = Field(default=[], description="All that was found in the cell, the best first")


class SavedSearchResponse(BaseModel):
    """A standing query, and where to listen to it."""

    saved_search_id: str
    created_at: datetime
    within: int
    request: dict[str, Any]
    events: str = Field(description="Server-sent events")
    websocket: str


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
    hits: list[Hit]
    found: int = Field(description="Hits over all pages")
    next_cursor: str | None
    lists: dict[str, ListSummary]
    fusion: str
    weights: dict[str, float]
    empty_modalities: list[str] = Field(description="Modalities that were asked and found nothing")
    unavailable: dict[str, str] = Field(description="Modalities that were asked and cannot answer, and why")
    as_of: dict[str, Freshness]
