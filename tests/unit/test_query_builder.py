"""From a request to a query without servers or models: examples, and modalities that cannot be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import BadQuery, ModelUnavailable, NotFound
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.vision.concepts import ConceptList
from stormpetrel.posts.vision.model import DescriptorModel
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.query import Area
from stormpetrel.search.query_builder import QueryBuilder
from stormpetrel.search.query_encoder import REMEMBERED, QueryEncoder
from stormpetrel.search.request import SearchRequest

AT = datetime(2025, 11, 4, 18, tzinfo=UTC)
POST = {
    "_id": "x:1",
    "clean_text": "alluvione a Genova",
    "language": "it",
    "created_at": AT.isoformat(),
    "places": [{"longitude": 8.93, "latitude": 44.41, "kind": "city", "confidence": 0.9}],
}
COPY = {**POST, "_id": "x:2", "duplicate_of": "x:1"}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one pixel, PNG
)
MISSING = ModelUnavailable("it was not exported")


class TextModel:
    version, dimensions = "text@1", 4

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dimensions), 0.5, dtype=np.float32)

    def encode_in(self, text: str, language: str) -> NDArray[np.float32]:
        return self.encode([text])[0]


class Stores:
    """Documents and vectors of two posts, one a near-duplicate of the other."""

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {post["_id"]: post for post in (POST, COPY) if post["_id"] in ids}

    def vectors(self, collection: str, ids: Sequence[str], names: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        return {"x:1": {"visual": np.ones(2, dtype=np.float32)}} if "x:1" in ids else {}


def no_gazetteer() -> Gazetteer:
    raise AssertionError("this request names no place")


def builder(text_model: Any, visual_model: Any = MISSING) -> QueryBuilder:
    stores: Any = Stores()
    encoder = QueryEncoder(text_model, visual_model, ConceptList(()), {"sar": EmbeddingSpec("sar@1", 3)})
    names = SimpleNamespace(posts="posts", patches="patches")
    return QueryBuilder(stores, stores, names, encoder, 10, ThreadPoolExecutor(1), PlaceNames(no_gazetteer))


def test_an_example_gives_its_text_words_picture_place_and_time() -> None:
    query = builder(TextModel()).build(SearchRequest(post_id="x:1")).query
    assert query.text is not None and query.terms is not None and query.visual is not None
    assert (query.area, query.at, query.exclude) == (Area(8.93, 44.41), AT, "x:1")


def test_a_near_duplicate_searches_as_its_original() -> None:
    assert builder(TextModel()).build(SearchRequest(post_id="x:2")).query.exclude == "x:1"


def test_the_requests_own_time_replaces_the_examples() -> None:
    later = datetime(2025, 11, 5, tzinfo=UTC)
    query = builder(TextModel()).build(SearchRequest(post_id="x:1", time=later)).query
    assert (query.area, query.at) == (Area(8.93, 44.41), later)


def test_a_missing_model_costs_its_modality_only() -> None:
    built = builder(MISSING).build(SearchRequest(text="alluvione"))
    assert built.query.text is None and built.query.terms is not None
    assert built.unavailable == {"text": str(MISSING)}


def test_an_unknown_example_beside_a_time_costs_its_modalities_only() -> None:
    built = builder(TextModel()).build(SearchRequest(post_id="x:unknown", time=AT))
    assert built.query.at == AT and set(built.problems) == {"text", "lexical", "visual", "concepts"}


@pytest.mark.parametrize(
    ("request_fields", "error"),
    [
        ({"post_id": "x:unknown"}, NotFound),
        ({"picture": "no base64!"}, BadQuery),
        ({"vectors": {"text": [1.0, 2.0]}}, BadQuery),
        ({"vectors": {"sar": [0.0, 0.0, 0.0]}}, BadQuery),
        ({"vectors": {"visual": [1.0]}}, ModelUnavailable),
        ({"vectors": {"earth": [1.0]}}, ModelUnavailable),
    ],
)
def test_a_request_whose_only_part_fails_raises_its_problem(
    request_fields: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        builder(TextModel()).build(SearchRequest(**request_fields))


def test_a_clients_vector_is_brought_to_length_1() -> None:
    built = builder(TextModel()).build(SearchRequest(vectors={"sar": [0.0, 3.0, 4.0]}))
    assert built.patch.vectors["sar"] == pytest.approx([0.0, 0.6, 0.8])


COLOURS = DescriptorModel(ConceptList(()))


def test_colours_alone_are_no_evidence_and_the_answer_says_so() -> None:
    built = builder(TextModel(), COLOURS).build(SearchRequest(post_id="x:1"))
    assert built.query.visual is None and built.query.text is not None
    assert "no visual model is configured" in built.unavailable["visual"]
    assert "concepts" not in built.unavailable, "the example has none"


def test_who_names_a_modality_of_photos_compares_colours() -> None:
    built = builder(TextModel(), COLOURS).build(SearchRequest(post_id="x:1", modalities=["visual", "text"]))
    assert built.query.visual is not None and not built.unavailable


def test_a_photo_alone_is_refused_with_the_remedy_where_nothing_understands_it() -> None:
    with pytest.raises(BadQuery, match="or name visual or concepts"):
        builder(TextModel(), COLOURS).build(SearchRequest(picture=PIXEL))


def test_a_place_with_an_end_is_in_the_filter_of_all_modalities() -> None:
    place = {"longitude": 8.93, "latitude": 44.41, "radius_km": 40}
    query = builder(TextModel()).build(SearchRequest(text="alluvione", place=place)).query
    assert query.filter.circles == ((8.93, 44.41, 40),)
    assert not query.ranks_by_place


def test_a_place_with_an_end_beside_an_example_leaves_the_examples_place_as_evidence() -> None:
    place = {"longitude": 9.0, "latitude": 44.0, "radius_km": 100}
    query = builder(TextModel()).build(SearchRequest(post_id="x:1", place=place)).query
    assert query.area == Area(8.93, 44.41) and query.filter.circles == ((9.0, 44.0, 100),)


def test_a_stated_language_reaches_the_text_model_and_the_stems() -> None:
    built = builder(TextModel()).build(SearchRequest(text="strade allagate", lang="it"))
    assert built.query.text is not None and built.query.terms is not None
    guessed = builder(TextModel()).build(SearchRequest(text="strade allagate", lang="en"))
    assert guessed.query.terms is not None and guessed.query.terms != built.query.terms


def test_a_text_that_is_asked_again_is_encoded_once_and_its_vector_cannot_be_written_to() -> None:
    calls: list[str] = []

    class Counting(TextModel):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            calls.extend(texts)
            return super().encode(texts)

    encoder = QueryEncoder(Counting(), MISSING, ConceptList(()), {})
    first = encoder.text("alluvione")
    assert encoder.text("alluvione") is first and calls == ["alluvione"] and not first.flags.writeable
    encoder.text("alluvione", "it")
    for number in range(REMEMBERED):
        encoder.text(str(number))
    assert len(calls) == 2 + REMEMBERED
    encoder.text("alluvione")
    assert calls[-1] == "alluvione", "the oldest is forgotten"
