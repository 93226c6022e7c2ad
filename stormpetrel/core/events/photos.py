"""Photos of posts: what was read of them, and those that are still awaited."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stormpetrel.core.events.bounds import Count, Key, Latitude, Longitude, Moment, Name, Note, Several, Share, Url
from stormpetrel.core.events.posts import PostId
from stormpetrel.core.events.values import Event, Frozen, Vector

PhotoHash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
PerceptualHash = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class ConceptScore(Frozen):
    """The score of a concept in a photo."""

    name: Name
    score: Annotated[float, Field(gt=0, le=1)]


class EarlierPhoto(Frozen):
    """The earliest known post with nearly the same photo, some time before; `bits` is how many of the 64 bits of their
    perceptual hashes differ."""

    post_id: PostId
    posted_at: Moment
    bits: Annotated[Count, Field(le=64)]


class Photo(Frozen):
    """A photo of a post: its `position` among the post's media, and `address`, a digest of its URL.

    `hash` is the SHA-256 of the file as it came; the photo is kept under it. `width` and `height` (pixels) are of the
    file, upright. `longitude` and `latitude` are the file's own (EXIF). `vector` and `concepts` are those of the visual
    model, `relevance` how probable it is that it shows a flood. A photo that could not be read has a `problem` in place
    of all that; it is tried again while it is `awaited`.
    """

    position: Count
    address: Key
    hash: PhotoHash | None = None
    perceptual_hash: PerceptualHash | None = None
    width: Count | None = None
    height: Count | None = None
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    seen_before: EarlierPhoto | None = None
    vector: Vector | None = None
    concepts: Several[ConceptScore] = ()
    relevance: Share | None = None
    problem: Note | None = None
    awaited: bool = False


class PhotosDescribed(Event):
    """The photos of a post, as far as they could be read by now (topic `posts.photos`, key `post_id`).

    A later event of the post has what came meanwhile. `concept_model` is what scored the concepts.
    """

    post_id: PostId
    posted_at: Moment
    ingested_at: Moment
    photos: Several[Photo]
    concept_model: Key | None = None
    described_at: Moment


class AwaitedPhoto(Frozen):
    """A photo that did not come yet: its position among the post's media, and its URL."""

    position: Count
    url: Url


class PhotosAwaited(Event):
    """Photos of a post that did not come yet, beside those that did (topic `photos.awaited`, key `post_id`).

    They are tried again for a time that begins when this record is written.
    """

    described: PhotosDescribed
    awaited: Several[AwaitedPhoto]

    @property
    def post_id(self) -> str:
        return self.described.post_id
