"""Search requests answered on stores in memory, through the projection that fills the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import BadQuery, ModelUnavailable, NotFound
from stormpetrel.core.events import EnrichedPost, Place, Post
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.vision.concepts import ConceptList
from stormpetrel.projections import PostProjection
from stormpetrel.search.filter_request import FilterRequest
from stormpetrel.search.label_filters import check_labels
from stormpetrel.search.limits import filter_of
from stormpetrel.search.listing_request import ListingRequest
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.search import Learned
from stormpetrel.search.searcher import Searcher
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import MemoryDocuments

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)
MISSING = ModelUnavailable("it was not exported")
GENOA = Place(
    name="Genoa",
    longitude=8.93,
    latitude=44.41,
    country_code="IT",
    admin1_code="08",
    confidence=0.9,
    kind="city",
    resolution_method="gazetteer",
)
SEVILLE = GENOA.model_copy(update={"name": "Sevilla", "longitude": -5.97, "latitude": 37.39, "country_code": "ES"})


class PostIndex(MemoryIndex):
    """A VectorWriter too: the projection fills it."""

    def upsert(self, collection: str, points: Any) -> None:
        self.collections[collection].update({point.id: point for point in points})


def enriched(number: int, text: str, place: Place, minutes: float, language: str = "it") -> EnrichedPost:
    at = AT + timedelta(minutes=minutes)
    post = Post(post_id=f"x:{number}", source="x", text=text, created_at=at, ingested_at=at)
    return EnrichedPost(
        post=post,
        clean_text=text,
        language=language,
        language_confidence=1.0,
        places=(place,),
        terms=document_terms(text, language),
        enriched_at=at,
    )


LABELS = ["patches:flood-water", "posts/genova:flood"]  # those with a model
POSTS = [
    enriched(1, "Alluvione a Genova, strade allagate", GENOA, 0),
    enriched(2, "Strade allagate in centro", GENOA, -30),
    enriched(3, "Concerto in piazza", GENOA, 1),
    enriched(4, "Calles inundadas en Sevilla", SEVILLE, 2, "es"),
    enriched(5, "Strade allagate a Siviglia", SEVILLE, 3),
]


@pytest.fixture
def searcher(small_gazetteer: Gazetteer) -> Iterator[Searcher]:
    documents, index = MemoryDocuments(), PostIndex(posts=[], patches=[])
    spec = EmbeddingSpec("m@1", 3)
    PostProjection(documents, index, "posts", spec, "photos").write(POSTS)  # type: ignore[arg-type]
    encoder = QueryEncoder(MISSING, MISSING, ConceptList(()), {})
    names = SimpleNamespace(posts="posts", patches="patches")
    with ThreadPoolExecutor(2) as threads:
        yield Searcher(
            index, documents, names, encoder, Learned(), 10, threads, PlaceNames(lambda: small_gazetteer), LABELS.copy
        )


def found(searcher: Searcher, **fields: Any) -> list[str | None]:
    return [hit.post_id for hit in searcher.answer(SearchRequest(**fields)).hits]


def test_a_name_with_a_radius_leaves_out_what_lies_elsewhere(searcher: Searcher) -> None:
    answer = searcher.answer(SearchRequest(text="strade allagate", near="Genova", radius_km=30))
    assert {hit.post_id for hit in answer.hits} == {"x:1", "x:2"}
    assert answer.near is not None and answer.near.name == "Genoa"


def test_a_name_without_a_radius_ranks_and_leaves_out_nothing(searcher: Searcher) -> None:
    ids = found(searcher, text="strade allagate", near="Genova")
    assert set(ids[:2]) == {"x:1", "x:2"} and "x:5" in ids


def test_filters_alone_list_the_newest_first(searcher: Searcher) -> None:
    answer = searcher.answer(SearchRequest(filters={"since": AT}, limit=2))  # type: ignore[arg-type]
    assert [(hit.rank, hit.post_id, hit.ranks) for hit in answer.hits] == [(1, "x:5", {}), (2, "x:4", {})]
    assert answer.total == 4 and answer.next_cursor and answer.as_of["time"].event_time == AT + timedelta(minutes=3)
    rest = searcher.answer(SearchRequest(filters={"since": AT}, limit=2, cursor=answer.next_cursor))  # type: ignore[arg-type]
    assert [(hit.rank, hit.post_id) for hit in rest.hits] == [(3, "x:3"), (4, "x:1")]
    assert rest.next_cursor is None


def test_a_list_and_a_search_by_the_same_filters_agree(searcher: Searcher) -> None:
    page = searcher.listing(ListingRequest(country=["es"], language=["it", "es"]))
    ids = [post["post_id"] for post in page.posts]
    assert ids == found(searcher, filters={"countries": ["ES"], "languages": ["it", "es"]}) == ["x:5", "x:4"]
    assert page.total == 2 and page.posts[0]["duplicate_count"] == 0


def test_the_window_of_last_stays_where_the_first_page_had_it(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = AT + timedelta(minutes=29)
    monkeypatch.setattr("stormpetrel.search.filter_request.now", lambda: moment)
    request = {"last": "1h", "limit": 4}
    first = searcher.listing(ListingRequest(**request))
    assert [post["post_id"] for post in first.posts] == ["x:5", "x:4", "x:3", "x:1"] and first.total == 5
    moment += timedelta(hours=2)
    second = searcher.listing(ListingRequest(**request, cursor=first.next_cursor))
    assert [post["post_id"] for post in second.posts] == ["x:2"]


def test_a_cursor_belongs_to_its_filters(searcher: Searcher) -> None:
    cursor = searcher.listing(ListingRequest(limit=1)).next_cursor
    with pytest.raises(BadQuery, match="another request"):
        searcher.listing(ListingRequest(limit=1, country=["it"], cursor=cursor))


def test_text_and_filters_rank_within_the_filter(searcher: Searcher) -> None:
    ids = found(searcher, text="strade allagate", filters={"countries": ["ES"]})
    assert ids == ["x:5"]


def test_a_label_without_a_model_is_told_with_those_there_are(searcher: Searcher) -> None:
    for filters in ({"labels": ["posts/genova:fire"]}, {"without_labels": ["fire"]}):
        with pytest.raises(NotFound, match="there are patches:flood-water, posts/genova:flood"):
            searcher.answer(SearchRequest(text="strade", filters=filters))  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no model 'posts:none'"):
        searcher.listing(ListingRequest(label=["posts:none"]))
    with pytest.raises(NotFound, match="annotate some items"):
        check_labels(FilterRequest(labels=["posts:none"]), ("posts",), [])


def test_a_label_of_patches_limits_no_posts(searcher: Searcher) -> None:
    with pytest.raises(BadQuery, match="Name patches in sources"):
        searcher.listing(ListingRequest(label=["patches:flood-water"]))
    both = FilterRequest(labels=LABELS, without_labels=["patches:flood-water"])
    check_labels(both, ("posts", "patches"), LABELS)
    within = filter_of(both, None, PlaceNames(lambda: None))  # type: ignore[arg-type,return-value]
    assert (within.any_of, within.none_of) == ({"labels": ["posts/genova:flood"]}, {})


def test_the_label_filter_finds_what_bears_the_label(searcher: Searcher) -> None:
    searcher.index.set_payload("posts", ["x:2"], {"labels": ["posts/genova:flood"]})  # type: ignore[attr-defined]
    assert found(searcher, text="strade allagate", filters={"labels": ["posts/genova:flood"]}) == ["x:2"]
    assert "x:2" not in found(searcher, text="strade allagate", filters={"without_labels": ["posts/genova:flood"]})


def test_without_a_text_model_the_plain_tensor_serves_and_relevance_is_unknown(searcher: Searcher) -> None:
    answer = searcher.answer(SearchRequest(text="strade allagate", time=AT))  # type: ignore[arg-type]
    assert answer.fusion == "tensor_min" and "train ranking" in str(answer.fusion_note)
    assert "relevance is unknown" in str(answer.relevance_note)
    assert all(hit.relevance is None and not hit.decided_by for hit in answer.hits)
    named = searcher.answer(SearchRequest(text="strade allagate", fusion="rrf"))
    assert named.fusion == "rrf" and named.fusion_note is None
    with pytest.raises(BadQuery, match=r"min_relevance.*Leave it out"):
        searcher.answer(SearchRequest(text="strade allagate", min_relevance=0.5))


def test_earlier_names_of_fusions_get_the_learned_tensor() -> None:
    assert SearchRequest(text="water", fusion="adaptive_feedback").fusion == "tensor_learned"
