"""Searches (one ranked list a modality, fused, each hit with its ranks), posts and their counts, places in texts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.dependencies import SearchDependency
from api.errors import content
from stormpetrel.core.events import MAX_TEXT, Key
from stormpetrel.search.answer import PostPage, SearchAnswer
from stormpetrel.search.listing_request import ListingRequest
from stormpetrel.search.place_resolution import PlacesAnswer
from stormpetrel.search.post_cells import CellsRequest, PostCells
from stormpetrel.search.request import SearchRequest

router = APIRouter(prefix="/v1")
GEOJSON = "application/geo+json"


@router.post("/search", response_model=SearchAnswer, tags=["search"])
def search(request: SearchRequest, search: SearchDependency) -> Response:
    """Finds the posts (and patches) that match the request. Each part of it is a modality with a list of its own."""
    # Made and checked by the same model: the framework need not check it once more.
    return Response(search.searcher.answer(request).model_dump_json(), media_type="application/json")


@router.get("/posts", tags=["search", "posts"])
def posts(request: Annotated[ListingRequest, Query()], search: SearchDependency) -> PostPage:
    """The posts that meet all parameters, the newest first. Pages neither repeat nor skip a post."""
    return search.searcher.listing(request)


@router.get("/posts/cells", response_model=PostCells, tags=["search", "posts"], responses=content(GEOJSON))
def cells(request: Annotated[CellsRequest, Query()], search: SearchDependency) -> Response:
    """How many of the posts that meet all parameters name a place in each H3 cell, as GeoJSON: what a map shows from
    afar."""
    return Response(search.searcher.cells(request).model_dump_json(), media_type=GEOJSON)


@router.get("/posts/{post_id:path}", tags=["search", "posts"])
def post(post_id: Key, search: SearchDependency) -> dict[str, Any]:
    """One post with its document, and the posts that repeat it (the newest 100)."""
    return search.searcher.post(post_id)


@router.get("/places/resolve", tags=["places"])
def resolve(
    search: SearchDependency,
    text: Annotated[str, Query(min_length=1, max_length=MAX_TEXT, description="A post's text")],
    language: Annotated[str | None, Query(pattern="^[a-z]{2,3}$", description="Detected if not given")] = None,
    author_place: Annotated[str | None, Query(max_length=300, description="Where the author says to be")] = None,
) -> PlacesAnswer:
    """The places that a text names. A worker also knows the places of the posts before it; this route does not."""
    return search.places.resolve(text, language, author_place)
