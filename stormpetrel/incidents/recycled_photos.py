"""Photos of an incident's posts that were posted before, with an earlier event.

A stated rule, and nothing that is learned: no labelled set has photos. Where all of an incident's posts with photos
show ones that were seen before, it loses four fifths of its odds; where some do, as much less.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from stormpetrel.core.events import PhotosDescribed

BEFORE = timedelta(days=7)  # of an incident's first post: what was seen then is of something else
LARGEST_LOSS = 0.8  # of the odds
MOST_REMEMBERED = 100_000  # posts


class SeenPhotos:
    """Remembers which posts have a photo that was posted before, whether the posts have been taken yet or not."""

    def __init__(self) -> None:
        self._moments: OrderedDict[str, datetime] = OrderedDict()

    def take(self, photos: PhotosDescribed) -> bool:
        """Whether one of a post's photos was seen before."""
        earlier = [photo.seen_before.posted_at for photo in photos.photos if photo.seen_before]
        if earlier:
            self._moments[photos.post_id] = min(earlier)
        if len(self._moments) > MOST_REMEMBERED:
            self._moments.popitem(last=False)
        return bool(earlier)

    def forget(self, post_id: str) -> None:
        """Lets go of a post."""
        self._moments.pop(post_id, None)

    def among(self, post_ids: Iterable[str]) -> dict[str, datetime]:
        """When the photos of those of these posts were seen first that were."""
        return {post_id: self._moments[post_id] for post_id in post_ids if post_id in self._moments}


def recycled(seen_before: Mapping[str, datetime], first_post_at: datetime) -> list[datetime]:
    """When the photos were seen that are older than an incident, the earliest first. `seen_before` is by post."""
    return sorted(at for at in seen_before.values() if first_post_at - at >= BEFORE)


def recycled_words(seen_before: Mapping[str, datetime], first_post_at: datetime) -> str:
    """What is to be said of recycled photos; nothing where there are none."""
    moments = recycled(seen_before, first_post_at)
    return f"photos of {len(moments)} posts were seen before, the first on {moments[0]:%Y-%m-%d}" if moments else ""


def likelihood_ratio(recycled_photos: int, photos: int) -> float:
    """What the odds are multiplied by, where so many of the posts with photos show recycled ones.

    >>> likelihood_ratio(0, 5), likelihood_ratio(5, 5), likelihood_ratio(1, 4)
    (1.0, 0.2, 0.8)
    """
    share = recycled_photos / max(1, photos, recycled_photos)
    return round(1.0 - LARGEST_LOSS * share, 6)
