"""Searches across worlds: posts and patches in one list of places and days."""

from __future__ import annotations

from api.dependencies import Services
from api.query_builder import query_of
from api.schemas.requests import SearchRequest
from api.schemas.responses import CellMember, Hit, ModalityRank, SearchAnswer
from api.summaries import summaries
from stormpetrel.fusion import FusedItem
from stormpetrel.search.cross_source import CrossSourceResult, Member


def across_worlds(asked: SearchRequest, have: Services) -> SearchAnswer:
    """The answer of one page: each hit is the best member of its place-and-time cell, with all the cell's members."""
    made = query_of(asked, have)
    found = have.sources.run(made.question, made.patch, asked.searched)
    return SearchAnswer(
        hits=[cell_hit(item, rank, found) for rank, item in enumerate(found.items[: asked.limit], start=1)],
        found=len(found.items),
        next_cursor=None,
        lists=summaries(have, found.lists),
        fusion=asked.fusion,
        weights={ranked.modality: asked.weights.get(ranked.modality, 1.0) for ranked in found.lists},  # type: ignore[call-overload]
        empty_modalities=list(found.empty_modalities),
        unavailable=made.unavailable,
        as_of={},
    )


def cell_hit(item: FusedItem, rank: int, found: CrossSourceResult) -> Hit:
    """A cell as a hit: its best member stands for it."""
    members = found.members[item.id]
    best = members[0]
    by_name = {ranked.modality: ranked for ranked in found.lists}
    return Hit(
        kind="post" if best.kind == "post" else "patch",
        post_id=best.id if best.kind == "post" else None,
        patch_id=best.id if best.kind == "patch" else None,
        rank=rank,
        ranks={
            modality: ModalityRank(rank=place, score=round(by_name[modality].scores[place - 1], 6))
            for modality, place in item.ranks.items()
        },
        best_pair=list(item.pair or ()),
        score=None if item.score is None else round(item.score, 6),
        post=_shown(best) if best.kind == "post" else None,
        patch=_shown(best) if best.kind == "patch" else None,
        cell=item.id,
        members=[
            CellMember(kind="post" if member.kind == "post" else "patch", id=member.id, ranks=member.ranks)
            for member in members
        ],
    )


def _shown(member: Member) -> dict[str, object]:
    return {key: value for key, value in member.document.items() if key not in ("_id", "time")}
