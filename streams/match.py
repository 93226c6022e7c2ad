"""posts.enriched, posts.photos -> posts.matched: matches each new post with all saved searches over posts, off the
event loop; and once more when its photos are described, with the searches that look for photos.

At least once: after a restart a post may be matched again, and its matches bear the same ids. A deleted post, and one
that repeats another, match nothing. The saved searches are followed on their topic by every worker.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from stormpetrel.core.clock import milliseconds, moment_of, now
from stormpetrel.core.errors import BadQuery, StormpetrelError
from stormpetrel.core.events import (
    EnrichedPost,
    PhotosDescribed,
    PostDeleted,
    PostMatched,
    SavedSearch,
    SavedSearchDeleted,
)
from stormpetrel.core.ports import Point
from stormpetrel.core.topics import POSTS_MATCHED
from stormpetrel.log import OutgoingRecord, Record, dead_letter_of, record_of_event
from stormpetrel.process.metrics import MATCH_SECONDS
from stormpetrel.process.metrics import POSTS_MATCHED as MATCHES
from stormpetrel.projections.photos import visual_point
from stormpetrel.projections.posts import has_photos, post_point
from stormpetrel.search.percolator import CompiledSearch, Match, Percolator
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.query_encoder import TextModel
from stormpetrel.search.request import SearchRequest

log = structlog.get_logger()
STAGE = "match"
MOST_REMEMBERED = 5_000  # posts whose photos may still come: some 20 MB
Arrival = tuple[Record, Point]
MatchPoints = Callable[[Sequence[Point]], list[Match]]


class MatchBatch:
    """One micro-batch of enriched posts against all saved searches. `apply` takes these from their topic's view."""

    def __init__(self, percolator: Percolator, encoder: TextModel, names: PlaceNames) -> None:
        self._percolator, self._encoder, self._names = percolator, encoder, names
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="match")
        # Both topics give a key to partitions of the same number, and Faust gives these to one worker.
        self._without_photos: OrderedDict[str, Point] = OrderedDict()

    def apply(self, event: SavedSearch | SavedSearchDeleted) -> None:
        """Takes a saved search from the log. One over patches is not matched here."""
        if isinstance(event, SavedSearchDeleted):
            self._percolator.remove(event.saved_search_id)
            return
        request = SearchRequest.model_validate(event.request)
        if request.searches_patches:
            return
        encode = partial(self._vector, language=request.lang)
        try:
            search = CompiledSearch.of_event(event, self._encoder.version, encode, self._names)
        except BadQuery as error:
            log.warning("a saved search matches no post", saved_search_id=event.saved_search_id, reason=str(error))
            self._percolator.remove(event.saved_search_id)
        else:
            self._percolator.add(search)

    def _vector(self, text: str, language: str | None) -> NDArray[np.float32]:
        return np.asarray(self._encoder.encode_in(text, language) if language else self._encoder.encode([text])[0])

    async def __call__(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        """The matches, and dead letters of posts that matching failed on."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.match, records)

    async def photos(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        """As for posts, for records of their photos."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.match_photos, records)

    def match(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        with MATCH_SECONDS.time():
            arrivals = [(record, point) for record in records if (point := self._point(record))]
            return self._matched(arrivals, self._percolator.match)

    def match_photos(self, records: Sequence[Record]) -> list[OutgoingRecord]:
        with MATCH_SECONDS.time():
            arrivals = [(record, point) for record in records if (point := self._with_photos(record))]
            return self._matched(arrivals, self._percolator.match_photos)

    def warm(self, posts: Sequence[EnrichedPost]) -> None:
        """Counts the words of posts from the log: after a restart not every word is a rare one."""
        self._percolator.remember([self._remembered(event) for event in posts])

    def _point(self, record: Record) -> Point | None:
        """The post as the index has it. What cannot be read is the index consumer's: it makes the dead letter."""
        try:
            event: EnrichedPost | PostDeleted = record.decode(EnrichedPost, PostDeleted, default=EnrichedPost)
        except StormpetrelError:
            MATCHES.labels("unreadable").inc()
            return None
        if isinstance(event, PostDeleted):
            self._without_photos.pop(event.post_id, None)
            return None
        return self._remembered(event)

    def _with_photos(self, record: Record) -> Point | None:
        """The post of described photos with their vectors; None where it is not remembered, or they have none."""
        try:
            event: PhotosDescribed = record.decode(PhotosDescribed)
        except StormpetrelError:
            MATCHES.labels("unreadable").inc()
            return None
        point, visual = self._without_photos.get(event.post_id), visual_point(event)
        if point is None:
            MATCHES.labels("without_post").inc()
            return None
        if not visual.dense and not visual.sparse:
            return None
        return replace(point, dense={**point.dense, **visual.dense}, sparse={**point.sparse, **visual.sparse})

    def _remembered(self, event: EnrichedPost) -> Point:
        """The post, which is remembered until its photos come."""
        point = self._point_of(event)
        if has_photos(event):
            self._without_photos[event.post.post_id] = point
            if len(self._without_photos) > MOST_REMEMBERED:
                self._without_photos.popitem(last=False)
        return point

    def _point_of(self, event: EnrichedPost) -> Point:
        if event.text_vector and event.text_vector.model != self._encoder.version:
            event = event.model_copy(update={"text_vector": None})
        point = post_point(event, milliseconds(event.enriched_at))
        version = hashlib.sha256(event.post.text.encode()).hexdigest()[:16]
        return replace(point, payload={**point.payload, "version": version})

    def _matched(self, arrivals: Sequence[Arrival], match: MatchPoints) -> list[OutgoingRecord]:
        """A fault that was not expected is the fault of one post: the batch is halved until it is found."""
        if not arrivals:
            return []
        try:
            matches = match([point for _, point in arrivals])
        except Exception as error:
            log.exception("a fault of ours, or of a post", first=arrivals[0][0].provenance)
            if len(arrivals) == 1:
                MATCHES.labels("dead").inc()
                return [dead_letter_of(arrivals[0][0], f"{type(error).__name__}: {error}", STAGE)]
            middle = len(arrivals) // 2
            return self._matched(arrivals[:middle], match) + self._matched(arrivals[middle:], match)
        MATCHES.labels("matched").inc(len(matches))
        traces = {point.id: record.header("trace") for record, point in arrivals}
        return [_outgoing(match, traces[match.post_id]) for match in matches]


def _outgoing(match: Match, trace: str | None) -> OutgoingRecord:
    event = PostMatched(
        match_id=match.match_id,
        saved_search_id=match.saved_search_id,
        post_id=match.post_id,
        decided_by=match.decided_by,
        relevance=match.relevance,
        scores=match.scores,
        reason=match.reason,
        recent_rank=match.recent.rank,
        recent_count=match.recent.of,
        posted_at=moment_of(match.posted_ms),
        matched_at=now(),
    )
    return record_of_event(POSTS_MATCHED, match.saved_search_id, event, trace)
