"""Photos that were posted before, with other events: found by their perceptual hashes."""

from __future__ import annotations

from datetime import datetime, timedelta

from stormpetrel.core.clock import milliseconds, moment_of
from stormpetrel.core.events import EarlierPhoto
from stormpetrel.core.ports import Filter, NearestQuery, VectorReader
from stormpetrel.posts.photos.perceptual_hash import PERCEPTUAL, bits_of, hash_vector, least_cosine

APART = timedelta(days=1)  # what is shared within a day is one event's
MOST_COPIES = 256  # of a photo that are looked at


class EarlierPhotos:
    """Looks for the earliest post with nearly the same photo. What the index consumer has not written yet is not
    seen."""

    def __init__(self, index: VectorReader, collection: str) -> None:
        self._index, self._collection = index, collection

    def __call__(self, perceptual: str, posted_at: datetime) -> EarlierPhoto | None:
        """At least a day before this moment. Raises StoreUnavailable."""
        query = NearestQuery(
            using=PERCEPTUAL,
            dense=hash_vector(perceptual),
            filter=Filter(ranges={"event_time": (None, milliseconds(posted_at - APART))}),
            limit=MOST_COPIES,
            payload=("post_id", "event_time"),
            at_least=least_cosine(),
        )
        (copies,) = self._index.query(self._collection, [query])
        if not copies:
            return None
        first = min(copies, key=lambda copy: (copy.payload["event_time"], copy.payload["post_id"]))
        return EarlierPhoto(
            post_id=first.payload["post_id"],
            posted_at=moment_of(first.payload["event_time"]),
            bits=max(0, bits_of(first.score)),
        )
