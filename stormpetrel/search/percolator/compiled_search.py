"""A saved search in the form that posts are matched with, from the event that saved it; and that event's query."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import SavedLimits, SavedQuery, SavedSearch, Vector
from stormpetrel.core.ports import Filter
from stormpetrel.posts.text.clean import clean
from stormpetrel.search.modalities import active_modalities
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.plain_query import plain_query
from stormpetrel.search.query import Area, Query
from stormpetrel.search.relevance import MIN_RELEVANCE
from stormpetrel.search.request import SearchRequest

TEXT_THRESHOLD = 0.35  # cosine; what decides where no relevance is known for the text model
WINDOW_MS = 6 * 3_600_000
WORD = re.compile(r"\w+")
Encode = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True)
class CompiledSearch:
    """`modalities` are those that have a part in the query and may find a post; `words` counts the distinct words of
    its text. A post from before `created_at` is no match, unless it is None. A match is ranked against those of the
    last `window_ms`, milliseconds of the posts' own time."""

    saved_search_id: str
    query: Query
    modalities: frozenset[str]
    words: int = 0
    min_relevance: float = MIN_RELEVANCE
    created_at: datetime | None = None
    window_ms: int = WINDOW_MS

    @classmethod
    def of_query(cls, saved_search_id: str, query: Query, text: str | None, min_relevance: float) -> CompiledSearch:
        """A query that was just built of `text`."""
        return cls(saved_search_id, query, searched_modalities(query), distinct_words(text), min_relevance)

    @classmethod
    def of_event(cls, event: SavedSearch, text_model: str, encode: Encode, names: PlaceNames) -> CompiledSearch:
        """Of a saved search over posts; its text is encoded where its vector is not of `text_model`.

        Raises BadQuery where it was saved before its query was kept with it, and needs more than its request says.
        """
        saved = event.query or _of_request(event, text_model, encode, names)
        query = _query(saved, _text_vector(saved, text_model, encode))
        modalities = frozenset(saved.modalities) - (frozenset() if query.text is not None else {"text"})
        min_relevance = MIN_RELEVANCE if event.min_relevance is None else event.min_relevance
        window_ms = WINDOW_MS if event.window_s is None else round(1000 * event.window_s)
        return cls(event.saved_search_id, query, modalities, saved.words, min_relevance, event.created_at, window_ms)

    @property
    def version(self) -> str:
        """A saved search never changes: the moment that it was saved at tells it from another of its id."""
        return "" if self.created_at is None else str(milliseconds(self.created_at))


def searched_modalities(query: Query) -> frozenset[str]:
    """The modalities that a search of posts asks the index for, and that count."""
    return frozenset(
        modality.name
        for modality in active_modalities(query)
        if modality.index_queries(query, 1) and query.weights.get(modality.name, 1.0) > 0
    )


def distinct_words(text: str | None) -> int:
    """How many distinct words a text has."""
    return len({word.casefold() for word in WORD.findall(text)}) if text else 0


def saved_query(request: SearchRequest, query: Query, text_model: str) -> SavedQuery:
    """The query of a request as its event keeps it; `text_model` made its text vector."""
    text = (clean(request.text) or request.text) if request.text else None
    area = query.area
    return SavedQuery(
        text=text,
        words=distinct_words(text),
        text_vector=None if query.text is None else Vector.of(query.text, text_model),
        terms=query.terms,
        visual_vector=None if query.visual is None else Vector.of(query.visual, "as the posts' photos"),
        concepts=query.concepts,
        place=(area.longitude, area.latitude) if area else None,
        radius_km=area.radius_km if area else None,
        at=query.at,
        exclude=query.exclude,
        limits=_limits(query.filter),
        modalities=tuple(sorted(searched_modalities(query))),
        score_threshold=dict(query.score_threshold),
    )


def _of_request(event: SavedSearch, text_model: str, encode: Encode, names: PlaceNames) -> SavedQuery:
    """The query of a saved search that has a request alone."""
    request = SearchRequest.model_validate(event.request)
    if request.post_id or request.patch_id or request.picture or request.vectors:
        problem = "it was saved by a release that kept no query with it, and it needs an example"
        raise BadQuery(event.saved_search_id, problem, "Delete it and save it again")
    query = plain_query(request, names, 1).query
    if request.text:
        query = replace(query, text=encode(clean(request.text) or request.text))
    return saved_query(request, query, text_model)


def _limits(within: Filter) -> SavedLimits:
    since_ms, until_ms = within.ranges.get("event_time", (None, None))
    return SavedLimits(
        any_of={name: tuple(values) for name, values in within.any_of.items()},
        none_of={name: tuple(values) for name, values in within.none_of.items()},
        since_ms=since_ms,
        until_ms=until_ms,
        boxes=tuple(within.boxes),
        polygon=None if within.polygon is None else tuple(within.polygon),
        circles=tuple(within.circles),
        place_field=within.place_field,
    )


def _query(saved: SavedQuery, text: NDArray[np.float32] | None) -> Query:
    limits = saved.limits
    window = (limits.since_ms, limits.until_ms)
    return Query(
        text=text,
        terms=saved.terms,
        visual=None if saved.visual_vector is None else saved.visual_vector.values(),
        concepts=saved.concepts,
        area=None if saved.place is None else Area(*saved.place, radius_km=saved.radius_km),
        at=saved.at,
        exclude=saved.exclude,
        score_threshold=saved.score_threshold,
        filter=Filter(
            any_of=limits.any_of,
            none_of=limits.none_of,
            ranges={} if window == (None, None) else {"event_time": window},
            boxes=limits.boxes,
            polygon=limits.polygon,
            circles=limits.circles,
            place_field=limits.place_field,
        ),
    )


def _text_vector(saved: SavedQuery, text_model: str, encode: Encode) -> NDArray[np.float32] | None:
    if saved.text_vector is not None and saved.text_vector.model == text_model:
        return saved.text_vector.values()
    return encode(saved.text) if saved.text and "text" in saved.modalities else None
