"""Photos of posts in the stores: beside the post's document, in its point of the index, and by their perceptual hashes.

Photos come on a topic of their own, before or after the index consumer has written their post, or after it was deleted.
So each side first writes what it has, then looks for what the other has written, and completes it: whoever comes last
sees both. A deleted post leaves a mark, by which photos that come late are turned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import Photo, PhotosDescribed
from stormpetrel.core.ids import point_id
from stormpetrel.core.ports import Document, DocumentStore, NamedVectorWriter, Point
from stormpetrel.posts.photos.description import concepts_of, joined, relevance_of, vector_of
from stormpetrel.posts.photos.perceptual_hash import PERCEPTUAL, hash_vector
from stormpetrel.posts.vision.concepts import terms_of
from stormpetrel.projections.freshness import note_freshness
from stormpetrel.projections.projection import Projection

log = structlog.get_logger()
SHOWN, EVENTS, DELETED = "post_photos", "photos_described", "deleted_posts"  # collections of documents
PHOTO_DOCUMENTS = (SHOWN, EVENTS, DELETED)
MARKED_AT = "marked_at"  # when a deleted post was marked: longer than a photo is tried again, no mark is needed
HIDDEN = {"vector", "concepts", "address"}  # of a photo; the concepts of all photos stand beside them
MOST_POSITIONS = 100  # photos of a post that are read, at the most


def photos_document(event: PhotosDescribed) -> Document:
    """What an answer shows of a post's photos, under the post's id."""
    vector = vector_of(event.photos)
    return {
        "_id": event.post_id,
        "photos": [_shown(photo) for photo in event.photos],
        "concepts": [concept.model_dump() for concept in concepts_of(event.photos)],
        "concept_model": event.concept_model,
        "photo_relevance": relevance_of(event.photos),
        "visual_model": vector.model if vector else None,
    }


def _shown(photo: Photo) -> Document:
    fields = photo.model_dump(mode="json", exclude=HIDDEN, exclude_none=True)
    return fields | ({"url": f"/v1/photos/{photo.hash}"} if photo.hash else {})


def visual_point(event: PhotosDescribed) -> Point:
    """The vectors that a post's photos add to its point."""
    vector, terms = vector_of(event.photos), terms_of({each.name: each.score for each in concepts_of(event.photos)})
    return Point(
        event.post_id,
        {},
        dense={"visual": vector.values()} if vector else {},
        sparse={"concepts": (terms.indices, terms.values)} if terms else {},
    )


def hash_points(event: PhotosDescribed) -> list[Point]:
    """Each photo by its perceptual hash, to be known again."""
    payload = {"post_id": event.post_id, "event_time": milliseconds(event.posted_at)}
    return [
        Point(_point_name(event.post_id, photo.position), payload, {PERCEPTUAL: hash_vector(photo.perceptual_hash)})
        for photo in event.photos
        if photo.perceptual_hash
    ]


def _point_name(post_id: str, position: int) -> str:
    return f"{post_id}#{position}"


class PostPhotos:
    """The photos of posts in both stores; `posts` and `photos` are the index's collections."""

    def __init__(self, documents: DocumentStore, vectors: NamedVectorWriter, posts: str, photos: str) -> None:
        self._documents, self._vectors, self._posts, self._photos = documents, vectors, posts, photos

    def write(self, events: Sequence[PhotosDescribed]) -> list[PhotosDescribed]:
        """Writes the photos of posts, whether the posts are there or not, but for deleted ones: what is known of them
        now. Raises StoreUnavailable."""
        newest: dict[str, PhotosDescribed] = {}
        stored = self._documents.get(EVENTS, list({event.post_id for event in events}))
        for event in events:
            earlier = newest.get(event.post_id) or _event_of(stored.get(event.post_id))
            newest[event.post_id] = (
                event.model_copy(update={"photos": joined(earlier.photos, event.photos)}) if earlier else event
            )
        known = list(newest.values())
        self._documents.upsert(EVENTS, [_event_document(event) for event in known])
        self._documents.upsert(SHOWN, [photos_document(event) for event in known])
        self._vectors.upsert(self._photos, [point for event in known for point in hash_points(event)])
        # After all that: a deletion that has left no mark by now finds these entries, and takes them away.
        marks = self._documents.get(DELETED, [point_id(post_id) for post_id in newest])
        deleted = [post_id for post_id in newest if point_id(post_id) in marks]
        self.remove(deleted)
        left = [event for event in known if event.post_id not in deleted]
        self._complete(left)
        return left

    def restore(self, post_ids: Sequence[str]) -> None:
        """Completes posts that were just written by what is known of their photos."""
        stored = self._documents.get(EVENTS, post_ids) if post_ids else {}
        self._complete([event for post_id in post_ids if (event := _event_of(stored.get(post_id)))])

    def known(self, post_ids: Sequence[str]) -> list[str]:
        """Those of these posts of whose photos something is known."""
        return list(self._documents.get(EVENTS, post_ids))

    def mark_deleted(self, post_ids: Sequence[str], marked_at: datetime) -> None:
        """Photos of these posts that come from now on are turned away. A mark does not name its post."""
        marks = [{"_id": point_id(post_id), MARKED_AT: marked_at.isoformat()} for post_id in post_ids]
        self._documents.upsert(DELETED, marks)

    def welcome(self, post_ids: Sequence[str]) -> None:
        """These posts are there, whatever was deleted under their ids before."""
        if post_ids:
            self._documents.delete(DELETED, [point_id(post_id) for post_id in post_ids])

    def remove(self, post_ids: Sequence[str]) -> None:
        """Takes away all that is known of these posts' photos."""
        if not post_ids:
            return
        stored = self._documents.get(EVENTS, post_ids)
        events = [event for post_id in post_ids if (event := _event_of(stored.get(post_id)))]
        positions = {event.post_id: [photo.position for photo in event.photos] for event in events}
        names = [
            _point_name(post_id, position)
            for post_id in post_ids
            for position in positions.get(post_id, range(MOST_POSITIONS))
        ]
        self._vectors.delete(self._photos, names)
        self._documents.delete(SHOWN, post_ids)
        self._documents.delete(EVENTS, post_ids)

    def _complete(self, events: Sequence[PhotosDescribed]) -> None:
        points = [point for event in events if (point := visual_point(event)).dense or point.sparse]
        if points:
            self._vectors.set_vectors(self._posts, points)


def _event_document(event: PhotosDescribed) -> Document:
    return {"_id": event.post_id, **event.model_dump(mode="json", exclude_none=True)}


def _event_of(document: Document | None) -> PhotosDescribed | None:
    if document is None:
        return None
    return PhotosDescribed.model_validate({name: value for name, value in document.items() if name != "_id"})


class PhotoProjection(Projection):
    """Writes photos to both stores; `posts` and `photos` are the index's collections, `visual` is the model whose
    vectors it holds."""

    event_types = (PhotosDescribed,)
    default = PhotosDescribed

    def __init__(
        self, documents: DocumentStore, vectors: NamedVectorWriter, posts: str, photos: str, visual: EmbeddingSpec
    ) -> None:
        self._documents, self._visual = documents, visual
        self._photos = PostPhotos(documents, vectors, posts, photos)

    def checked(self, event: PhotosDescribed) -> PhotosDescribed:
        photos = tuple(self._checked(photo) for photo in event.photos)
        return event if photos == event.photos else event.model_copy(update={"photos": photos})

    def _checked(self, photo: Photo) -> Photo:
        if photo.vector is None or self._visual.matches(photo.vector):
            return photo
        # The photo can still be shown, and found by its concepts.
        log.warning("a photo's vector is of another model; left out", model=photo.vector.model)
        return photo.model_copy(update={"vector": None})

    def write(self, events: Sequence[PhotosDescribed]) -> None:
        written = self._photos.write(events)
        moments = [(event.posted_at, event.ingested_at, event.photos) for event in written]
        note_freshness(
            self._documents,
            {
                "visual": [(made, came) for made, came, photos in moments if vector_of(photos)],
                "concepts": [(made, came) for made, came, photos in moments if concepts_of(photos)],
            },
        )
