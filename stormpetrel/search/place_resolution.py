"""The places that a text names, for people and tests, with the reasons for each."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pydantic import BaseModel, Field

from stormpetrel.core.cells import cells
from stormpetrel.core.events import Place, UnresolvedName
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.language import detect


class ResolvedPlace(Place):
    """A place with its H3 cells, by resolution."""

    cells: dict[int, str] = Field(default_factory=dict)


class PlacesAnswer(BaseModel):
    """All names of a text: those with a point, and those without one."""

    language: str
    places: list[ResolvedPlace]
    unresolved_names: list[UnresolvedName] = Field(description="Names that have no certain point")
    gazetteer: str


class PlaceResolution:
    """`open_geoparser` returns a geoparser and its gazetteer's version; it is called with the first request, since a
    geoparser takes 100 MiB. Safe for several threads, which wait for one another."""

    def __init__(self, open_geoparser: Callable[[], tuple[Geoparser, str]]) -> None:
        self._open_geoparser = open_geoparser
        self._opened: tuple[Geoparser, str] | None = None
        self._lock = threading.Lock()

    def resolve(self, text: str, language: str | None, author_place: str | None) -> PlacesAnswer:
        """The places of one text alone: a worker also knows the places of the posts before it.

        Without a `language` it is detected. Raises ModelUnavailable.
        """
        text_language = language or detect(text, None)[0]
        with self._lock:
            if self._opened is None:
                self._opened = self._open_geoparser()
            geoparser, gazetteer = self._opened
            mentions = geoparser.mentions([text], [text_language])[0]
            places, unresolved = geoparser.resolve(text, mentions, None, author_place, text_language)
        resolved = [ResolvedPlace(**dict(place), cells=cells(place.longitude, place.latitude)) for place in places]
        return PlacesAnswer(
            language=text_language, places=resolved, unresolved_names=list(unresolved), gazetteer=gazetteer
        )
