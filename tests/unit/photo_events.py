"""Enriched posts with photos, and events of their photos, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from stormpetrel.core.clock import now
from stormpetrel.core.events import (
    ConceptScore,
    EarlierPhoto,
    EnrichedPost,
    Media,
    Photo,
    PhotosDescribed,
    Post,
    PostDeleted,
    Vector,
)
from stormpetrel.posts.photos.description import address_of

AT = datetime(2025, 11, 4, 20, 0, tzinfo=UTC)
CAME_IN = now()  # what came in long ago is kept no more
MODEL = "seen@1"


def post_with(post_id: str, *urls: str, at: datetime = AT, **fields: Any) -> EnrichedPost:
    media = tuple(Media(kind="photo", url=url) for url in urls)
    return EnrichedPost(
        post=Post(post_id=post_id, source="x", text="water", created_at=at, ingested_at=CAME_IN, media=media),
        clean_text="water",
        language="en",
        language_confidence=1,
        enriched_at=at,
        **fields,
    )


def deleted(post_id: str) -> PostDeleted:
    return PostDeleted(post_id=post_id, source="x", deleted_at=AT + timedelta(hours=1))


def photo(position: int = 0, shade: float = 1.0, url: str = "https://p.example/a", **fields: Any) -> Photo:
    """A photo that was read."""
    known: dict[str, Any] = {
        "hash": f"{position:064x}",
        "perceptual_hash": f"{position:016x}",
        "vector": Vector.of(np.array([shade, 1.0], dtype=np.float32) / np.float32((shade**2 + 1) ** 0.5), MODEL),
        "concepts": (ConceptScore(name="fire", score=0.5),),
    }
    return Photo(position=position, address=address_of(url), **{**known, **fields})


def missing(position: int = 0, url: str = "https://p.example/a", awaited: bool = True) -> Photo:
    return Photo(position=position, address=address_of(url), problem="it did not come", awaited=awaited)


def described(post_id: str, *photos: Photo, at: datetime = AT) -> PhotosDescribed:
    return PhotosDescribed(
        post_id=post_id, posted_at=at, ingested_at=at, photos=photos, concept_model="colours@1", described_at=at
    )


def seen_before(days: float, at: datetime = AT) -> EarlierPhoto:
    return EarlierPhoto(post_id="x:1000", posted_at=at - timedelta(days=days), bits=2)
