"""Saved searches as events keep them: the whole query, another text model, and the events of older releases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import SavedSearch, TermWeights, decode
from stormpetrel.core.ports import Filter
from stormpetrel.search.percolator import CompiledSearch
from stormpetrel.search.percolator.compiled_search import MIN_RELEVANCE, saved_query, searched_modalities
from stormpetrel.search.query import Area, Query
from stormpetrel.search.request import SearchRequest
from tests.memory_api import TextModel

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)
GENOA = (8.93, 44.41)
NAMES: Any = None  # no name is looked up


def saved_event(request: SearchRequest, query: Query, **fields: Any) -> SavedSearch:
    model = TextModel()
    return SavedSearch(
        saved_search_id="saved-1",
        request=request.model_dump(mode="json", exclude_unset=True),
        query=saved_query(request, query, model.version),
        created_at=AT,
        **fields,
    )


def encode(text: str) -> NDArray[np.float32]:
    return np.asarray(TextModel().encode([text])[0])


def test_an_event_keeps_the_whole_query() -> None:
    request = SearchRequest(text="flood in the old town", time=AT, filters={"since": AT, "languages": ["it"]})  # type: ignore[arg-type]
    near = Area(*GENOA, 15)
    query = Query(
        text=encode("flood in the old town"),
        terms=TermWeights(indices=(1, 2), values=(1.0, 1.0)),
        area=near,
        at=AT,
        filter=near.narrowed(Filter()),
        score_threshold={"text": 0.1},
    )
    event = saved_event(request, query, min_relevance=0.7, window_s=3600)
    compiled = CompiledSearch.of_event(event, "hash@1", encode, NAMES)
    assert compiled.min_relevance == 0.7 and compiled.window_ms == 3_600_000 and compiled.words == 5
    assert compiled.modalities == searched_modalities(query) and compiled.created_at == AT
    assert compiled.query.filter == query.filter and compiled.query.text is not None
    np.testing.assert_array_equal(compiled.query.text, query.text)


def test_another_text_model_encodes_the_text_anew() -> None:
    request = SearchRequest(text="flood")
    event = saved_event(request, Query(text=np.ones(2, dtype=np.float32)))
    compiled = CompiledSearch.of_event(event, "another@2", encode, NAMES)
    np.testing.assert_array_equal(compiled.query.text, encode("flood"))


def test_a_saved_search_of_the_first_version_is_read_without_its_rank() -> None:
    old = {"saved_search_id": "saved-1", "within": 5, "created_at": "2025-01-01T00:00:00Z", "schema_version": 1}
    event = decode(orjson.dumps({**old, "request": {"text": "flood", "score_threshold": {"text": 0.35}}}), SavedSearch)
    compiled = CompiledSearch.of_event(event, "hash@1", encode, NAMES)
    assert compiled.modalities == {"text", "lexical"} and compiled.min_relevance == MIN_RELEVANCE
    example = decode(orjson.dumps({**old, "request": {"post_id": "x:1460"}}), SavedSearch)
    with pytest.raises(BadQuery, match="save it again"):
        CompiledSearch.of_event(example, "hash@1", encode, NAMES)
