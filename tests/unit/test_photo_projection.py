"""Photos in the stores: whatever comes first, the post, its photos or its deletion, the end is the same."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import EnrichedPost, PhotosDescribed, PostDeleted
from stormpetrel.projections import PhotoProjection, PostProjection
from stormpetrel.projections.photos import DELETED, EVENTS, SHOWN
from stormpetrel.replay import NoDocuments
from stormpetrel.search.documents import post_documents
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import MemoryDocuments
from tests.unit.photo_events import AT, MODEL, deleted, described, missing, photo, post_with

VISUAL = EmbeddingSpec("seen", 2)


class Stores:
    """Both stores, and both projections over them, as two index consumers have them."""

    def __init__(self, documents: Any = None) -> None:
        self.documents: Any = documents or MemoryDocuments()
        self.index = MemoryIndex(posts=(), photos=())
        self.posts = PostProjection(self.documents, self.index, "posts", EmbeddingSpec("text", 2), "photos")  # type: ignore[arg-type]
        self.photos = PhotoProjection(self.documents, self.index, "posts", "photos", VISUAL)  # type: ignore[arg-type]

    def take(self, *events: EnrichedPost | PostDeleted | PhotosDescribed) -> Stores:
        for event in events:
            if isinstance(event, PhotosDescribed):
                self.photos.write([self.photos.checked(event)])
            else:
                self.posts.write([event])
        return self

    def visual(self, post_id: str = "x:11") -> Any:
        return self.index.collections["posts"][post_id].dense.get("visual")

    def traces(self) -> list[str]:
        """Whatever is left of any post or photo, but for the marks of deleted ones."""
        documents = [
            f"{name}/{each}"
            for name, collection in self.documents.collections.items()
            for each in collection
            if name not in (DELETED, "freshness")
        ]
        return documents + [f"{name}#{each}" for name, points in self.index.collections.items() for each in points]


POST, PHOTOS = post_with("x:11", "https://p.example/a"), described("x:11", photo())


def test_photos_complete_a_post_whichever_comes_first() -> None:
    for events in itertools.permutations([POST, PHOTOS]):
        stores = Stores().take(*events)
        assert stores.visual() == pytest.approx(np.array([0.5, 0.5]) ** 0.5)
        assert stores.index.collections["posts"]["x:11"].sparse["concepts"][0]
        document = post_documents(stores.documents, ["x:11"])["x:11"]
        assert document["photos"][0]["url"] == f"/v1/photos/{0:064x}" and document["visual_model"] == MODEL
        assert document["concepts"] == [{"name": "fire", "score": 0.5}] and document["text"] == "water"
        assert "vector" not in document["photos"][0]


def test_writing_again_equals_once() -> None:
    once, often = Stores().take(POST, PHOTOS), Stores().take(POST, PHOTOS, POST, PHOTOS, PHOTOS, POST)
    assert once.documents.collections == often.documents.collections
    assert once.traces() == often.traces() and np.array_equal(once.visual(), often.visual())


DELETION = deleted("x:11")
# Photos may come at any time. A post always comes before its deletion, on the partition of both.
ORDERS = [
    order for order in itertools.permutations([POST, PHOTOS, DELETION]) if order.index(POST) < order.index(DELETION)
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_deleted_post_gets_nothing(order: tuple[Any, ...]) -> None:
    assert Stores().take(*order, PHOTOS).traces() == []


def test_a_deletion_in_the_batch_of_its_post_turns_photos_away_too() -> None:
    stores = Stores()
    stores.posts.write([POST, deleted("x:11")])
    assert stores.take(PHOTOS).traces() == []


def test_a_post_that_is_there_again_is_welcome() -> None:
    stores = Stores().take(POST, PHOTOS, deleted("x:11"), POST, PHOTOS)
    assert stores.visual() is not None and stores.documents.collections[DELETED] == {}


def test_a_photo_that_was_read_is_not_given_up_for_the_problem_of_reading_it_again() -> None:
    first, second = described("x:11", photo(0), missing(1, "b")), described("x:11", missing(0), photo(1, url="b"))
    shown = Stores().take(POST, first, second).documents.collections[SHOWN]["x:11"]["photos"]
    assert [each.get("problem") for each in shown] == [None, None]
    other = described("x:11", missing(0, "https://p.example/edited"))
    shown = Stores().take(POST, first, other).documents.collections[SHOWN]["x:11"]["photos"]
    assert [each.get("problem") for each in shown] == ["it did not come"]


def test_all_photos_of_a_post_count() -> None:
    both = described("x:11", photo(0, 1.0), photo(1, -1.0))
    stores = Stores().take(POST, both)
    assert stores.visual() == pytest.approx([0, 1]) and set(stores.index.collections["photos"]) == {"x:11#0", "x:11#1"}


def test_a_vector_of_another_model_is_left_out() -> None:
    event = described("x:11", photo(vector=photo().vector.model_copy(update={"model": "other@1"})))  # type: ignore[union-attr]
    stores = Stores().take(POST, event)
    assert stores.visual() is None and "concepts" in stores.index.collections["posts"]["x:11"].sparse


def test_vectors_alone_are_written_again_without_the_photos_of_deleted_posts() -> None:
    posts = [post_with("x:11", "a"), post_with("x:12", "a"), deleted("x:12")]
    stores = Stores(NoDocuments()).take(*posts, described("x:11", photo()), described("x:12", photo()))
    assert set(stores.index.collections["photos"]) == {"x:11#0"} and stores.visual() is not None


def test_a_picture_within_a_post_is_not_kept_in_its_document() -> None:
    stores = Stores().take(post_with("x:11", "data:image/png;base64,AAAA"))
    assert stores.documents.collections["posts"]["x:11"]["media"][0]["url"] is None
    assert stores.documents.collections.get(EVENTS, {}) == {}


def test_photos_make_their_modalities_fresh() -> None:
    stores = Stores().take(POST, PHOTOS, described("x:12", missing()))
    fresh = stores.documents.collections["freshness"]
    assert fresh["visual"]["event_time"] == fresh["concepts"]["event_time"] == AT.timestamp() * 1000
