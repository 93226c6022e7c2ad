"""GET /v1/places/resolve: the places that a text names, for people and tests, with the reasons for each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api import dependencies
from api.dependencies import Search
from stormpetrel.core.events import MAX_TEXT
from stormpetrel.search.place_resolution import PlacesAnswer

router = APIRouter(prefix="/v1/places", tags=["places"])


@router.get("/resolve")
def resolve(
    text: Annotated[str, Query(min_length=1, max_length=MAX_TEXT, description="A post's text")],
    language: Annotated[str | None, Query(pattern="^[a-z]{2,3}$", description="Detected if not given")] = None,
    author_place: Annotated[str | None, Query(max_length=300, description="Where the author says to be")] = None,
    search: Search = Depends(dependencies.search),
) -> PlacesAnswer:
    """The places that a text names. A worker also knows the places of the posts before it; this route does not."""
    return search.places.resolve(text, language, author_place)
