"""POST /v1/search: one ranked list a modality, joined by tensor fusion, each hit with its rank per modality."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi import Request as HttpRequest

from api import paging
from api.cross_source import across_worlds
from api.dependencies import Services
from api.query_builder import document_of, plain_query, query_of, says_something
from api.schemas.requests import SearchRequest
from api.schemas.responses import Freshness, Hit, ModalityRank, SearchAnswer
from api.summaries import summaries
from stormpetrel.core.clock import moment_of
from stormpetrel.core.ports import Document, Filter, OrderQuery
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search import MODALITIES

router = APIRouter(prefix="/v1", tags=["search"])


def services(request: HttpRequest) -> Services:
    found: Services = request.app.state.services
    return found


@router.post("/search", response_model=SearchAnswer)
def search(asked: SearchRequest, have: Services = Depends(services)) -> Response:
    """Finds the posts (and patches) that belong to what is asked. Each given part is a modality with a say of its
    own."""
    with SEARCH_SECONDS.labels("whole").time():
        if asked.across:
            return Response(across_worlds(asked, have).model_dump_json(), media_type="application/json")
        fresh = have.threads.submit(have.documents.get, "freshness", list(MODALITIES))
        request = paging.fingerprint(asked.model_dump(mode="json"))
        start = paging.decode(asked.cursor, request) if asked.cursor else None
        known = have.recent.get(request, start.as_of_ms) if start else None
        kept = known or _found(asked, have, fresh, until_ms=start.as_of_ms if start else None)
        as_of = fresh.result()
        cursor = start or paging.Cursor(request, int(as_of.get("time", {}).get("ingested_at", 0)), 0)
        if known is None:
            have.recent.keep(request, cursor.as_of_ms, kept)
        answer = _answer(asked, have, kept, cursor, as_of)
        # Made and checked by the same model: the framework need not check it once more.
        return Response(answer.model_dump_json(), media_type="application/json")


def _found(
    asked: SearchRequest, have: Services, fresh: Future[dict[str, Document]], until_ms: int | None
) -> paging.Kept:
    """The fused list. The modalities that need no model ask the index while the models are at work; none asks before
    the freshness is read, so that nothing an answer says it has seen is missing from its lists."""
    plain = plain_query(asked, have, until_ms)

    def plain_lists() -> list[RankList]:
        fresh.result()
        return have.search.lists(plain)

    early = have.threads.submit(plain_lists) if says_something(plain) else None
    made = query_of(asked, have, plain)
    fresh.result()
    with SEARCH_SECONDS.labels("lists and fusion").time():
        rest = replace(made.question, terms=None, area=None, at=None) if early else made.question
        lists = have.search.lists(rest) + (early.result() if early else [])
        return paging.Kept(have.search.joined(made.question, lists), made.unavailable)


def _answer(
    asked: SearchRequest, have: Services, kept: paging.Kept, cursor: paging.Cursor, as_of: dict[str, Document]
) -> SearchAnswer:
    found = kept.found
    page = found.items[cursor.offset : cursor.offset + asked.limit]
    end = cursor.offset + len(page)
    return SearchAnswer(
        hits=hits_of(have, page, found.lists, cursor.offset + 1),
        found=len(found.items),
        next_cursor=replace(cursor, offset=end).encode() if end < len(found.items) and page else None,
        lists=summaries(have, found.lists),
        fusion=asked.fusion,
        weights={ranked.modality: asked.weights.get(ranked.modality, 1.0) for ranked in found.lists},  # type: ignore[call-overload]
        empty_modalities=list(found.empty_modalities),
        unavailable=kept.unavailable,
        as_of={
            name: Freshness(event_time=moment_of(fresh["event_time"]), ingested_at=moment_of(fresh["ingested_at"]))
            for name, fresh in as_of.items()
        },
    )


def hits_of(have: Services, page: list[FusedItem], lists: list[RankList], first: int) -> list[Hit]:
    """The fused items with their documents, each with its rank and score in every list; `first` is the first's rank."""
    with SEARCH_SECONDS.labels("documents").time():
        ids = [item.id for item in page]
        counting = have.threads.submit(have.vectors.count_by, have.collection, "duplicate_of", ids)
        documents = have.documents.get("posts", ids)
        duplicate_count = counting.result()
    by_name = {ranked.modality: ranked for ranked in lists}
    return [
        Hit(
            post_id=item.id,
            rank=rank,
            ranks={
                modality: ModalityRank(rank=place, score=round(by_name[modality].scores[place - 1], 6))
                for modality, place in item.ranks.items()
                if modality in by_name
            },
            best_pair=list(item.pair or ()),
            score=None if item.score is None else round(item.score, 6),
            duplicate_count=duplicate_count.get(item.id, 0),
            post=_shown(documents[item.id]),
        )
        for rank, item in enumerate(page, start=first)
        # A post that was deleted between the two reads is no hit any more.
        if item.id in documents
    ]


def _shown(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "_id"}


@router.get("/posts/{post_id:path}", tags=["posts"])
def post(post_id: str, have: Services = Depends(services)) -> dict[str, Any]:
    """One post with all that is known of it, and the posts that repeat it (the newest 100)."""
    document = document_of(have, post_id)
    counted = have.vectors.count_by(have.collection, "duplicate_of", [post_id])
    newest = OrderQuery("event_time", "desc", filter=Filter(any_of={"duplicate_of": [post_id]}))
    (duplicate_count,) = have.vectors.query(have.collection, [newest]) if counted else ([],)
    return {
        **_shown(document),
        "duplicate_count": counted.get(post_id, 0),
        "duplicate_ids": [copy.payload["id"] for copy in duplicate_count],
    }
