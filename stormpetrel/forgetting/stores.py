"""The stores that forgetting works on and searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stormpetrel.core.ports import PhotoStore, SearchableDocuments, SearchableVectors


class Stores(NamedTuple):
    """`posts` and `photo_points` are the index's collections of posts and of photos, `collections` are all that it has;
    `photos` keeps the pictures."""

    documents: SearchableDocuments
    vectors: SearchableVectors
    photos: PhotoStore
    posts: str
    photo_points: str
    collections: Sequence[str]
