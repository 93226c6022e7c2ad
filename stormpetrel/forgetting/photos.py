"""Photos of posts that are forgotten or over their time: the pictures, and all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.core.ports import Document, DocumentStore, NamedVectorWriter, PhotoStore
from stormpetrel.projections.photos import PostPhotos


class KeptPhotos:
    """The photos of all posts, wherever they are kept; `posts` and `points` are the index's collections of posts and of
    photos. Every step can be done again. All methods raise StoreUnavailable."""

    def __init__(
        self, documents: DocumentStore, vectors: NamedVectorWriter, photos: PhotoStore, posts: str, points: str
    ) -> None:
        self._pictures = photos
        self._described = PostPhotos(documents, vectors, posts, points)

    def forget(self, post_ids: Sequence[str]) -> int:
        """Removes the photos of these posts, and turns away those that come later: how many pictures they had."""
        self._described.mark_deleted(post_ids, now())
        return self._remove(post_ids)

    def expire(self, post_ids: Sequence[str]) -> int:
        """Removes the photos of those of these posts that have any: how many pictures they had."""
        return self._remove(self._described.known(post_ids))

    def _remove(self, post_ids: Sequence[str]) -> int:
        # Pictures first: what is known of them leads to them, and stays until they are gone.
        count = sum(len(self._pictures.forget(post_id)) for post_id in post_ids)
        self._described.remove(post_ids)
        return count


def without_earlier_posts(document: Document, post_ids: Collection[str], stand_in: Callable[[str], str]) -> Document:
    """What is known of another post's photos, with a stand-in for a forgotten post that had nearly the same photo."""

    def changed(photo: dict[str, Any]) -> dict[str, Any]:
        earlier = photo.get("seen_before") or {}
        if earlier.get("post_id") not in post_ids:
            return photo
        return {**photo, "seen_before": {**earlier, "post_id": stand_in(earlier["post_id"])}}

    return {**document, "photos": [changed(photo) for photo in document.get("photos") or ()]}
