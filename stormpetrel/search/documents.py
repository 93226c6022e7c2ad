"""Posts, patches and scenes by id, what of their documents an answer shows, and the collections that are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stormpetrel.core.errors import NotFound
from stormpetrel.core.ports import Document, DocumentReader

STORE_FIELDS = ("_id", "time")  # of the store, not of the item


class CollectionNames(Protocol):
    """The index's collections; their names carry the models' names and sizes. Both raise ModelUnavailable where a
    missing model leaves the name open, and StoreUnavailable where the index is asked for it and does not answer."""

    @property
    def posts(self) -> str: ...

    @property
    def patches(self) -> str: ...


def post_documents(documents: DocumentReader, post_ids: Sequence[str]) -> dict[str, Document]:
    """The posts that are indexed, each with what is known of its photos. Raises StoreUnavailable."""
    posts = documents.get("posts", post_ids)
    with_media = [post_id for post_id, post in posts.items() if post.get("media")]
    photos = documents.get("post_photos", with_media) if with_media else {}
    return {post_id: {**photos.get(post_id, {}), **post} for post_id, post in posts.items()}


def post_document(documents: DocumentReader, post_id: str) -> Document:
    """The post with what is known of its photos. Raises NotFound where no such post is indexed."""
    post = post_documents(documents, [post_id]).get(post_id)
    return post or _document(documents, "posts", post_id, "ids look like x:1460, bsky:did:plc:abc/3k, file:7")


def patch_document(documents: DocumentReader, patch_id: str) -> Document:
    """Raises NotFound where no such patch is indexed."""
    return _document(documents, "patches", patch_id, "/v1/stac/collections/patches/items lists them")


def scene_document(documents: DocumentReader, scene_id: str) -> Document:
    """Raises NotFound where no such scene is indexed."""
    return _document(documents, "scenes", scene_id, "/v1/stac/collections/scenes/items lists them")


def _document(documents: DocumentReader, collection: str, document_id: str, remedy: str) -> Document:
    document = documents.get(collection, [document_id]).get(document_id)
    if document is None:
        raise NotFound(f"{document_id!r} is not among the {collection}; {remedy}")
    return document


def shown(document: Document) -> Document:
    """A document as answers show it."""
    return {key: value for key, value in document.items() if key not in STORE_FIELDS}
