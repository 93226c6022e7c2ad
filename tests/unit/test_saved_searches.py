"""The register of saved searches: written first, kept until deleted, and refused where nothing can match."""

from __future__ import annotations

from typing import Any

import pytest

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import SavedQuery, SavedSearch, SavedSearchDeleted
from stormpetrel.search.request import SavedSearchRequest, SearchRequest
from stormpetrel.search.saved_search_register import SavedSearchEvent, SavedSearchRegister


def _built(request: SearchRequest) -> SavedQuery | None:
    return None if request.searches_patches else SavedQuery(text=request.text, modalities=("text",))


def _register(written: list[SavedSearchEvent]) -> SavedSearchRegister:
    return SavedSearchRegister(written.append, lambda: None)


def test_a_saved_search_is_written_and_kept_until_it_is_deleted() -> None:
    written: list[SavedSearchEvent] = []
    register = _register(written)
    saved = register.create(SavedSearchRequest(text="flood", min_relevance=0.7, window="90min"), _built)
    assert register.all() == [saved] and saved.query == SavedQuery(text="flood", modalities=("text",))
    assert (saved.min_relevance, saved.window_s, saved.within) == (0.7, 5400, None)
    assert saved.request == {"text": "flood"}
    register.delete(saved.saved_search_id)
    assert [type(event) for event in written] == [SavedSearch, SavedSearchDeleted]
    assert register.all() == [] and not register.exists(saved.saved_search_id)
    with pytest.raises(NotFound):
        register.get(saved.saved_search_id)


def test_events_of_other_processes_are_applied() -> None:
    created = _register([]).create(SavedSearchRequest(text="flood"), _built)
    register = _register([])
    register.apply(created)
    assert register.get(created.saved_search_id) == created


def test_a_saved_search_that_cannot_be_answered_is_not_written() -> None:
    written: list[SavedSearchEvent] = []

    def refuse(_: SearchRequest) -> None:
        raise BadQuery("text", "it cannot be searched", "Send another")

    with pytest.raises(BadQuery):
        _register(written).create(SavedSearchRequest(text="flood"), refuse)
    assert written == []


def test_one_of_patches_is_ranked_and_has_no_query() -> None:
    saved = _register([]).create(SavedSearchRequest(text="flood", sources=["posts", "patches"]), _built)
    assert (saved.query, saved.within) == (None, 20)
    assert saved.request["score_threshold"] == {"text": 0.35}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"text": "flood", "cursor": "x"}, "cursor", "no pages"),
        ({"text": "flood", "filters": {"last": "1h"}}, "filters.last", "not back"),
        ({"text": "flood", "within": 5}, "within", "give min_relevance"),
        ({"filters": {"languages": ["it"]}}, "filters", "Add a text"),
        ({"text": "flood", "sources": ["patches"], "min_relevance": 0.5}, "min_relevance", "give within"),
        ({"text": "flood", "sources": ["posts", "patches"], "window": "1h"}, "window", "give within"),
    ],
)
def test_what_no_post_could_match_by_is_refused(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(BadQuery, match=words) as refused:
        _register([]).create(SavedSearchRequest(**fields), _built)
    assert refused.value.field == field
