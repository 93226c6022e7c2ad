"""GET /v1/places/resolve: the places that a text names, for people and tests, with what speaks for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.dependencies import Services
from api.routes.search import services
from stormpetrel.core.cells import cells
from stormpetrel.core.events import MAX_TEXT, Place, UnresolvedName
from stormpetrel.posts.text.language import detect

router = APIRouter(prefix="/v1/places", tags=["places"])


class ResolvedPlace(Place):
    """A place with its H3 cells, by resolution."""

    cells: dict[int, str] = Field(default_factory=dict)


class PlacesAnswer(BaseModel):
    """All names of a text: those with a point, and those without one."""

    language: str
    places: list[ResolvedPlace]
    unresolved_names: list[UnresolvedName] = Field(description="Names that no point is made up for")
    gazetteer: str


@router.get("/resolve")
def resolve(
    text: Annotated[str, Query(min_length=1, max_length=MAX_TEXT, description="A post's text")],
    language: Annotated[str | None, Query(pattern="^[a-z]{2,3}$", description="Found out if not given")] = None,
    author_place: Annotated[str | None, Query(max_length=300, description="Where the author says to be")] = None,
    have: Services = Depends(services),
) -> PlacesAnswer:
    """The places that a text names. Nothing of the posts before it is known here: a worker knows where they were."""
    geoparser, gazetteer = have.geoparser()
    spoken = language or detect(text, None)[0]
    with have.finding:
        found, unresolved = geoparser.resolve(text, geoparser.mentions([text], [spoken])[0], None, author_place, spoken)
    return PlacesAnswer(
        language=spoken,
        places=[_with_cells(place) for place in found],
        unresolved_names=list(unresolved),
        gazetteer=gazetteer,
    )


def _with_cells(place: Place) -> ResolvedPlace:
    fields: dict[str, Any] = place.model_dump()
    return ResolvedPlace(**fields, cells=cells(place.longitude, place.latitude))
