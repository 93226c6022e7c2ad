"""POST /v1/search: one ranked list a modality, fused, each hit with its rank per modality; and single posts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from api import dependencies
from api.dependencies import Search
from api.schemas.requests import SearchRequest
from stormpetrel.search.answer import SearchAnswer

router = APIRouter(prefix="/v1", tags=["search"])


@router.post("/search", response_model=SearchAnswer)
def search(request: SearchRequest, search: Search = Depends(dependencies.search)) -> Response:
    """Finds the posts (and patches) that match the request. Each part of it is a modality with a list of its own."""
    answer = search.searcher.answer(request)
    # Made and checked by the same model: the framework need not check it once more.
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/posts/{post_id:path}", tags=["posts"])
def post(post_id: str, search: Search = Depends(dependencies.search)) -> dict[str, Any]:
    """One post with its document, and the posts that repeat it (the newest 100)."""
    return search.searcher.post(post_id)
