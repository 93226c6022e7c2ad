"""What is known of a post's photos, one by one and together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from stormpetrel.core.events import ConceptScore, EarlierPhoto, Photo, Vector
from stormpetrel.posts.photos.perceptual_hash import perceptual_hash
from stormpetrel.posts.photos.photo_file import PhotoFile
from stormpetrel.posts.vision.model import VisualModel

MOST_CONCEPTS = 50  # of a photo
# The earliest post with nearly the same photo before a moment, by the photo's perceptual hash.
EarlierOf = Callable[[str, datetime], EarlierPhoto | None]


def address_of(url: str) -> str:
    """A digest of a photo's URL, which may be as long as the photo itself: 16 hexadecimal digits."""
    return hashlib.blake2b(url.encode(), digest_size=8).hexdigest()


class PhotoDescriber:
    """Describes photos by the visual model; without one their hashes, size and place are all that is known."""

    def __init__(self, model: VisualModel | None, earlier_of: EarlierOf) -> None:
        self._model, self._earlier_of = model, earlier_of

    @property
    def concept_model(self) -> str | None:
        return self._model.concept_version if self._model else None

    def describe(self, position: int, url: str, file: PhotoFile, posted_at: datetime) -> Photo:
        """Raises StoreUnavailable where earlier photos cannot be asked for."""
        perceptual = perceptual_hash(file.picture)
        photo = Photo(
            position=position,
            address=address_of(url),
            hash=file.hash,
            perceptual_hash=perceptual,
            width=file.width,
            height=file.height,
            longitude=file.place[0] if file.place else None,
            latitude=file.place[1] if file.place else None,
            seen_before=self._earlier_of(perceptual, posted_at) if perceptual else None,
        )
        return self._with_features(photo, file)

    def _with_features(self, photo: Photo, file: PhotoFile) -> Photo:
        if self._model is None:
            return photo
        try:
            (features,) = self._model.extract([file.picture])
        except Exception as error:
            return photo.model_copy(update={"problem": f"the visual model failed: {error}"})
        strongest = sorted(features.concepts.items(), key=lambda concept: (-concept[1], concept[0]))[:MOST_CONCEPTS]
        return photo.model_copy(
            update={
                "vector": Vector.of(features.vector, self._model.version),
                "concepts": tuple(ConceptScore(name=name, score=score) for name, score in strongest),
                "relevance": features.relevance,
            }
        )


def missing_photo(position: int, url: str, problem: str, *, awaited: bool = False) -> Photo:
    """A photo that could not be read, and why."""
    return Photo(position=position, address=address_of(url), problem=problem[:2_000], awaited=awaited)


def joined(earlier: Sequence[Photo], later: Sequence[Photo]) -> tuple[Photo, ...]:
    """What is known of a post's photos after a later look: one that was read before is not given up for the problem of
    reading it again."""
    known = {(photo.position, photo.address): photo for photo in earlier if photo.hash}
    return tuple(
        photo if photo.hash else known.get((photo.position, photo.address), photo)
        for photo in sorted(later, key=lambda photo: photo.position)
    )


def vector_of(photos: Sequence[Photo]) -> Vector | None:
    """The mean of the photos' unit vectors, as a unit vector; None without any."""
    vectors = [photo.vector for photo in photos if photo.vector is not None]
    if len(vectors) <= 1:
        return vectors[0] if vectors else None
    model = vectors[0].model
    mean = np.mean([vector.values() for vector in vectors if vector.model == model], axis=0)
    length = float(np.linalg.norm(mean))
    return Vector.of(mean / length, model) if length else vectors[0]


def concepts_of(photos: Sequence[Photo]) -> tuple[ConceptScore, ...]:
    """Every concept with its largest score among the photos, the strongest first."""
    scores: dict[str, float] = {}
    for concept in (concept for photo in photos for concept in photo.concepts):
        scores[concept.name] = max(concept.score, scores.get(concept.name, 0.0))
    ordered = sorted(scores.items(), key=lambda concept: (-concept[1], concept[0]))
    return tuple(ConceptScore(name=name, score=score) for name, score in ordered)


def relevance_of(photos: Sequence[Photo]) -> float | None:
    """How probable it is that one of the photos shows a flood: the largest of theirs."""
    return max((photo.relevance for photo in photos if photo.relevance is not None), default=None)
